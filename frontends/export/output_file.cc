#include "frontends/export/output_file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "engine/env/random.h"
#include "engine/env/sync_file.h"
#include "repo-format/base/units.h"
#include "repo-format/tree_path.h"

namespace cairn::exports {
namespace {

constexpr size_t kBufferBytes = 256 * kKiB;

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A folder that may be written to and not listed cannot be opened: then all of its disk is synced, by way of `beside`,
// a folder of ours on it.
Result<void> SyncFolderOf(const std::string& path, const std::string& beside) {
  const std::string name = FolderOf(path);
  const stream::OwnedFd folder(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.is_open()) return SyncFile(folder.get(), name);
  if (errno != EACCES) return ErrnoError(errno, "opening the folder " + name);
  const stream::OwnedFd other(::open(beside.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!other.is_open()) return ErrnoError(errno, "opening the folder " + beside);
  return SyncDiskOf(other.get(), name);
}

Result<void> WriteAt(int fd, uint64_t offset, ByteSpan bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return ErrnoError(put < 0 ? errno : EIO, "writing " + path);
    bytes = bytes.subspan(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

// The bytes may be changed where they are given.
using EachPart = std::function<void(uint64_t offset, MutableByteSpan bytes)>;
Result<uint64_t> ReadAll(int fd, const std::string& path, const std::stop_token& stop, const EachPart& each) {
  Bytes buffer(kMiB);
  for (uint64_t size = 0;;) {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    const ssize_t got = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "reading again " + path);
    if (got == 0) return size;
    each(size, MutableByteSpan(buffer).first(static_cast<size_t>(got)));
    size += static_cast<uint64_t>(got);
  }
}

Error Differs(const std::string& path) {
  return MakeError(ErrorCode::kIo, "{}: what it gives is not what was written to it: is the disk failing?", path);
}

}  // namespace

std::string TemporaryName(const std::string& path) {
  constexpr size_t kRandomBytes = 4;
  constexpr size_t kNameBytesMax = 200;
  Bytes random(kRandomBytes);
  SystemRandom().Fill(random);
  const size_t slash = path.rfind('/') + 1;  // 0 where there is none
  return path.substr(0, slash) + "." + path.substr(slash, kNameBytesMax) + ".cairn-export-" + ToHex(random);
}

Result<void> RefuseTaken(const std::string& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? Result<void>() : ErrnoError(errno, "looking at " + path);
  }
  return MakeError(ErrorCode::kAlreadyExists, "{} is there: give another name by --output, or --force to replace it",
                   PathForPeople(AsBytes(path)));
}

Result<void> MoveInto(const std::string& from, const std::string& to, bool replaces) {
  int moved = replaces ? ::rename(from.c_str(), to.c_str())
                       : ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE);
  if (moved != 0 && !replaces && errno == EINVAL) {  // a file system that cannot do that at once
    RETURN_IF_ERROR(RefuseTaken(to));
    moved = ::rename(from.c_str(), to.c_str());
  }
  if (moved != 0 && errno == EEXIST) return RefuseTaken(to);
  if (moved != 0) return ErrnoError(errno, fmt::format("renaming {} to {}", from, to));
  auto synced = SyncFolderOf(to, FolderOf(from));
  // A name that may be gone after a power cut is none yet.
  if (!synced && !replaces) static_cast<void>(::rename(to.c_str(), from.c_str()));
  return synced;
}

Result<std::unique_ptr<OutputFile>> OutputFile::Make(const std::string& name, const std::string& shown) {
  const int fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return ErrnoError(errno, "making the file " + name);
  std::unique_ptr<OutputFile> file(new OutputFile(name, shown.empty() ? name : shown, fd));
  file->buffer_.reserve(kBufferBytes);
  return file;
}

OutputFile::~OutputFile() {
  if (!is_kept_) ::unlink(name_.c_str());
}

Result<void> OutputFile::Write(ByteSpan bytes) {
  if (buffer_.size() + bytes.size() > kBufferBytes) RETURN_IF_ERROR(Flush());
  if (bytes.size() >= kBufferBytes) return Put(bytes);
  Append(buffer_, bytes);
  return {};
}

Result<void> OutputFile::Put(ByteSpan bytes) {
  RETURN_IF_ERROR(WriteAt(file_.get(), offset_, bytes, shown_));
  written_.Update(bytes);
  offset_ += bytes.size();
  return {};
}

Result<void> OutputFile::Flush() {
  RETURN_IF_ERROR(Put(buffer_));
  buffer_.clear();
  return {};
}

Result<void> OutputFile::Finish() { return Flush(); }

Result<void> OutputFile::Patch(uint64_t offset, ByteSpan bytes) {
  RETURN_IF_ERROR(Flush());
  CHECK(offset + bytes.size() <= offset_);
  ASSIGN_OR_RETURN(Bytes before, Read(offset, bytes.size()));
  if (before.size() != bytes.size()) return MakeError(ErrorCode::kIo, "{} was cut short by others", shown_);
  const auto patch = patches_.try_emplace(offset, Patched{std::move(before), {}}).first;
  patch->second.now = ToBytes(bytes);
  if (patch->second.now == patch->second.before) patches_.erase(patch);
  return WriteAt(file_.get(), offset, bytes, shown_);
}

Result<Bytes> OutputFile::Read(uint64_t offset, size_t size) const {
  Bytes bytes(size);
  const ssize_t got = ::pread(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (got < 0) return ErrnoError(errno, "reading again " + shown_);
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

// False: something else stands where a patch was.
bool OutputFile::TakePatchesBack(uint64_t offset, MutableByteSpan bytes) const {
  auto patch = patches_.upper_bound(offset);
  if (patch != patches_.begin()) --patch;  // which may reach into these bytes
  for (; patch != patches_.end() && patch->first < offset + bytes.size(); ++patch) {
    const auto& [before, now] = patch->second;
    for (size_t i = 0; i < now.size(); ++i) {
      const uint64_t at = patch->first + i;
      if (at < offset || at >= offset + bytes.size()) continue;
      uint8_t& byte = bytes[at - offset];
      if (byte != now[i]) return false;
      byte = before[i];
    }
  }
  return true;
}

Result<Digest> OutputFile::ReadAgain(const std::stop_token& stop) {
  Sha256Stream hash, unpatched;
  bool is_right = true;
  ASSIGN_OR_RETURN(const uint64_t size, ReadAll(file_.get(), shown_, stop, [&](uint64_t offset, MutableByteSpan bytes) {
                     hash.Update(bytes);
                     if (patches_.empty()) return;
                     is_right = TakePatchesBack(offset, bytes) && is_right;
                     unpatched.Update(bytes);
                   }));
  if (size != offset_) {
    return MakeError(ErrorCode::kIo, "{}: {} bytes were written, and {} are there", shown_, offset_, size);
  }
  const Digest digest = hash.Finish();
  if (!is_right || Written() != (patches_.empty() ? digest : unpatched.Finish())) return Differs(shown_);
  return digest;
}

Result<void> OutputFile::Sync() { return SyncFile(file_.get(), shown_); }

Result<void> OutputFile::Place(const std::string& path, bool replaces) {
  RETURN_IF_ERROR(Sync());
  RETURN_IF_ERROR(MoveInto(name_, path, replaces));
  is_kept_ = true;
  return {};
}

Result<Digest> HashFile(const std::string& path, const Digest& written, const std::stop_token& stop) {
  const stream::OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.is_open()) return ErrnoError(errno, "reading again " + path);
  Sha256Stream hash;
  RETURN_IF_ERROR(ReadAll(file.get(), path, stop, [&](uint64_t, MutableByteSpan bytes) { hash.Update(bytes); }));
  const Digest digest = hash.Finish();
  if (digest != written) return Differs(path);
  return digest;
}

Result<void> DescriptorSink::Write(ByteSpan bytes) {
  while (!bytes.empty()) {
    RETURN_IF_ERROR(waiter_.WaitToWrite(fd_));
    // So many are taken at once where a pipe has room at all.
    const ssize_t put = ::write(fd_, bytes.data(), std::min<size_t>(bytes.size(), PIPE_BUF));
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put < 0 && errno == EPIPE) return Error(ErrorCode::kIo, name_ + " was closed before all was written");
    if (put <= 0) return ErrnoError(put < 0 ? errno : EIO, "writing " + name_);
    bytes = bytes.subspan(static_cast<size_t>(put));
  }
  return {};
}

}  // namespace cairn::exports
