#include "frontends/import/spool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>

namespace cairn::import {

Result<std::unique_ptr<Spool>> Spool::Make() {
  ASSIGN_OR_RETURN(auto spool, MakeNamed());
  spool->RemoveName();
  return spool;
}

// In a folder of its own: beside a database SQLite looks for journals, and nobody else shall put one there.
Result<std::unique_ptr<Spool>> Spool::MakeNamed() {
  const char* place = ::getenv("TMPDIR");
  std::string folder = std::string(place != nullptr && *place != 0 ? place : "/var/tmp") + "/cairn-import-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    return ErrnoError(errno, "making a temporary folder " + folder + " (TMPDIR names another place)");
  }
  const std::string name = folder + "/copy";
  const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  std::unique_ptr<Spool> spool(new Spool(fd, folder, name));
  if (fd < 0) return ErrnoError(errno, "making a temporary file " + name);
  return spool;
}

void Spool::RemoveName() {
  if (name_.empty()) return;
  for (const char* ending : {"", "-wal", "-shm", "-journal"}) ::unlink((name_ + ending).c_str());
  ::rmdir(folder_.c_str());
  name_.clear();
}

Result<void> Spool::Append(ByteSpan bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(file_->get(), bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoError(errno, "writing a temporary file (TMPDIR names another folder)");
    bytes = bytes.subspan(static_cast<size_t>(put));
    size_ += static_cast<uint64_t>(put);
  }
  return {};
}

Result<void> Spool::AppendHole(uint64_t bytes) {
  if (bytes > static_cast<uint64_t>(INT64_MAX) - size_) return Corrupt("it tells of a file of {} bytes", bytes);
  if (::ftruncate(file_->get(), static_cast<off_t>(size_ + bytes)) != 0) {
    return ErrnoError(errno, "writing a temporary file (TMPDIR names another folder)");
  }
  size_ += bytes;
  return {};
}

Result<void> Spool::AppendAll(ByteStream& stream, const std::stop_token& stop) {
  return ReadAll(stream, stop, [this](ByteSpan bytes) { return Append(bytes); });
}

}  // namespace cairn::import
