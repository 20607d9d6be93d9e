#include "frontends/files/local_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "repo-format/base/units.h"

namespace cairn::files {
namespace {

constexpr uint64_t kBlockBytes = 512;  // the unit of st_blocks, whatever the file system
constexpr uint64_t kReadAheadBytes = 256 * kKiB;

}  // namespace

ChangeMark MarkOf(const struct stat& status) {
  return {static_cast<uint64_t>(status.st_size), TimeOf(status.st_mtim), TimeOf(status.st_ctim), status.st_ino};
}

LocalFile::LocalFile(Descriptor file, const struct stat& status)
    : file_(std::move(file)),
      size_(static_cast<uint64_t>(status.st_size)),
      may_have_holes_(static_cast<uint64_t>(status.st_blocks) * kBlockBytes < size_) {
  if (size_ > kReadAheadBytes) ::posix_fadvise(file_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
}

Result<SourceFile::Extent> LocalFile::NextExtent() {
  if (offset_ >= size_) return Extent{};
  if (may_have_holes_) return SeekExtent();
  data_end_ = size_;
  return Extent{false, size_ - offset_};
}

Result<SourceFile::Extent> LocalFile::SeekExtent() {
  const auto here = static_cast<off_t>(offset_);
  off_t data = ::lseek(file_.get(), here, SEEK_DATA);
  if (data < 0 && errno == ENXIO) {
    // No data from here on: a hole to the end, wherever the end is by now.
    struct stat now{};
    if (::fstat(file_.get(), &now) != 0) return ErrnoError(errno, "looking for holes");
    size_ = std::min(size_, static_cast<uint64_t>(now.st_size));
    if (offset_ >= size_) return Extent{};
    data = static_cast<off_t>(size_);
  } else if (data < 0) {  // this file system does not know holes
    data = here;
    may_have_holes_ = false;
  }
  if (data > here) {
    const uint64_t hole_end = std::min(static_cast<uint64_t>(data), size_);
    const Extent hole{true, hole_end - offset_};
    offset_ = hole_end;
    return hole;
  }
  const off_t hole = may_have_holes_ ? ::lseek(file_.get(), here, SEEK_HOLE) : -1;
  data_end_ = hole > here ? std::min(static_cast<uint64_t>(hole), size_) : size_;
  return Extent{false, data_end_ - offset_};
}

Result<size_t> LocalFile::Read(MutableByteSpan target) {
  const size_t wanted = std::min<uint64_t>(target.size(), data_end_ - std::min(offset_, data_end_));
  size_t filled = 0;
  while (filled < wanted) {
    const ssize_t got =
        ::pread(file_.get(), target.data() + filled, wanted - filled, static_cast<off_t>(offset_ + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, fmt::format("reading at byte {}", offset_ + filled));
    if (got == 0) {  // it has shrunk
      size_ = offset_ + filled;
      data_end_ = size_;
      break;
    }
    filled += static_cast<size_t>(got);
  }
  offset_ += filled;
  return filled;
}

void LocalFile::ReadSoon() {
  constexpr uint64_t kBytesMax = kMiB;  // the rest of a large one is read ahead when it is read
  if (size_ > 0) ::posix_fadvise(file_.get(), 0, static_cast<off_t>(std::min(size_, kBytesMax)), POSIX_FADV_WILLNEED);
}

Result<ChangeMark> LocalFile::Mark() {
  struct stat status{};
  if (::fstat(file_.get(), &status) != 0) return ErrnoError(errno, "looking whether it changed");
  return MarkOf(status);
}

}  // namespace cairn::files
