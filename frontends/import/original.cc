#include "frontends/import/original.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "engine/crypto/hash.h"
#include "engine/repo/time_text.h"
#include "frontends/import/spool.h"
#include "repo-format/tree_path.h"

namespace cairn::import {
namespace {

constexpr int64_t kTicksSecondsMax = 3;  // of file systems without fractions of seconds

Result<SharedFd> OpenFile(const std::string& path) {
  // A pipe would wait for who writes to it.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return ErrnoError(errno, "opening " + PathForPeople(AsBytes(path)));
  return SharedFd(std::make_shared<stream::OwnedFd>(fd));
}

WireTime TimeOf(const timespec& time) { return {time.tv_sec, static_cast<uint32_t>(time.tv_nsec)}; }

}  // namespace

Result<std::shared_ptr<const Original>> Original::Open(const std::string& path) {
  std::shared_ptr<Original> original(new Original);
  original->path_ = path;
  ASSIGN_OR_RETURN(original->file_, OpenFile(path));
  struct stat info{};
  if (::fstat(original->file_->get(), &info) != 0) return ErrnoError(errno, "looking at " + path);
  if (!S_ISREG(info.st_mode)) return Error(ErrorCode::kInvalidArgument, "it is no file");
  original->size_ = static_cast<uint64_t>(info.st_size);
  original->modified_ = TimeOf(info.st_mtim);
  if (::stat((path + "-wal").c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    ASSIGN_OR_RETURN(original->log_, OpenFile(path + "-wal"));
    original->log_size_ = static_cast<uint64_t>(info.st_size);
    original->log_modified_ = TimeOf(info.st_mtim);
  }
  if (::stat((path + "-journal").c_str(), &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
    ASSIGN_OR_RETURN(const SharedFd journal, OpenFile(path + "-journal"));
    Bytes first(1);
    ASSIGN_OR_RETURN(const size_t got, FileStream(journal, 0, 1).Read(first));
    original->has_journal_ = got == 1 && first[0] != 0;  // one that was done with begins with zeros
  }
  return std::shared_ptr<const Original>(std::move(original));
}

Result<std::shared_ptr<const Original>> Original::Fetch(const std::string& path, uint64_t size,
                                                        const WireTime& modified,
                                                        const std::function<Result<void>(const Take& take)>& fetch) {
  ASSIGN_OR_RETURN(const auto spool, Spool::Make());
  RETURN_IF_ERROR(fetch([&](ByteSpan piece) { return spool->Append(piece); }));
  if (spool->size() != size) return Corrupt("it has {} bytes, {} were listed", spool->size(), size);
  std::shared_ptr<Original> original(new Original);
  original->path_ = path;
  original->file_ = spool->file();
  original->size_ = size;
  original->modified_ = modified;
  original->is_fetched_ = true;
  return std::shared_ptr<const Original>(std::move(original));
}

std::unique_ptr<ByteStream> Original::Read() const { return std::make_unique<FileStream>(file_, 0, size_); }

Result<Digest> Original::Hash(const std::stop_token& stop) const {
  Sha256Stream hash;
  const auto take = [&](ByteSpan bytes) -> Result<void> {
    hash.Update(bytes);
    return {};
  };
  RETURN_IF_ERROR(ReadAll(*Read(), stop, take));
  if (log_ != nullptr) {
    FileStream log(log_, 0, log_size_);
    RETURN_IF_ERROR(ReadAll(log, stop, take));
  }
  RETURN_IF_ERROR(CheckUnchanged());
  return hash.Finish();
}

Result<void> Original::CheckUnchanged() const {
  if (is_fetched_) return {};
  const auto is_as = [](const SharedFd& file, uint64_t size, const WireTime& modified) {
    struct stat info{};
    return ::fstat(file->get(), &info) == 0 && static_cast<uint64_t>(info.st_size) == size &&
           TimeOf(info.st_mtim) == modified;
  };
  const auto is_at = [](const SharedFd& file, const std::string& path) {
    struct stat open{}, there{};
    return ::fstat(file->get(), &open) == 0 && ::stat(path.c_str(), &there) == 0 && open.st_dev == there.st_dev &&
           open.st_ino == there.st_ino;
  };
  if (!is_at(file_, path_) || (log_ != nullptr && !is_at(log_, path_ + "-wal"))) {
    return Error(ErrorCode::kBusy, "it was replaced while it was read: run it again");
  }
  if (is_as(file_, size_, modified_) && (log_ == nullptr || is_as(log_, log_size_, log_modified_))) return {};
  return Error(ErrorCode::kBusy, "it changed while it was read: run it again when it is done");
}

bool Original::MayMissChange(const Clock& clock) const {
  return log_ != nullptr || modified_.seconds > ToWireTime(clock.Now()).seconds - kTicksSecondsMax;
}

}  // namespace cairn::import
