#include "frontends/import/byte_stream.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "repo-format/base/units.h"

namespace cairn::import {

Result<size_t> FileStream::Read(MutableByteSpan target) {
  const size_t wanted = static_cast<size_t>(std::min<uint64_t>(target.size(), left_));
  for (;;) {
    const ssize_t got = ::pread(file_->get(), target.data(), wanted, static_cast<off_t>(offset_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoError(errno, "reading");
    offset_ += static_cast<uint64_t>(got);
    left_ -= static_cast<uint64_t>(got);
    return static_cast<size_t>(got);
  }
}

Result<ByteSpan> PeekStream::Peek(size_t size) {
  head_.resize(size);
  size_t filled = 0;
  while (filled < size) {
    ASSIGN_OR_RETURN(const size_t got, inner_->Read(MutableByteSpan(head_).subspan(filled)));
    if (got == 0) break;
    filled += got;
  }
  head_.resize(filled);
  return ByteSpan(head_);
}

Result<size_t> PeekStream::Read(MutableByteSpan target) {
  if (taken_ == head_.size()) return inner_->Read(target);
  const size_t count = std::min(target.size(), head_.size() - taken_);
  std::copy_n(head_.begin() + static_cast<ptrdiff_t>(taken_), count, target.begin());
  taken_ += count;
  return count;
}

Result<void> ReadAll(ByteStream& stream, const std::stop_token& stop,
                     const std::function<Result<void>(ByteSpan)>& take) {
  Bytes buffer(256 * kKiB);
  for (;;) {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    ASSIGN_OR_RETURN(const size_t got, stream.Read(buffer));
    if (got == 0) return {};
    RETURN_IF_ERROR(take(ByteSpan(buffer).first(got)));
  }
}

}  // namespace cairn::import
