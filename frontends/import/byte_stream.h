// Bytes from one end to the other, in layers: a file, what decompresses it, what judges it. Private to
// frontends/import.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "frontends/stream/readable.h"
#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::import {

// One thread at a time. An Error is kCorrupt where the bytes are damaged, and comes before the end is told.
class ByteStream {
 public:
  virtual ~ByteStream() = default;
  virtual Result<size_t> Read(MutableByteSpan target) = 0;  // 0: the end
};

using SharedFd = std::shared_ptr<const stream::OwnedFd>;

// A part of a file, read by place, so that several may read one descriptor at the same time.
class FileStream : public ByteStream {
 public:
  FileStream(SharedFd file, uint64_t offset, uint64_t size) : file_(std::move(file)), offset_(offset), left_(size) {}
  Result<size_t> Read(MutableByteSpan target) override;

 private:
  const SharedFd file_;
  uint64_t offset_, left_;
};

// The first bytes may be looked at before they are read.
class PeekStream : public ByteStream {
 public:
  explicit PeekStream(std::unique_ptr<ByteStream> inner) : inner_(std::move(inner)) {}
  // At most `size`, less where the stream ends before; once, before the first Read.
  Result<ByteSpan> Peek(size_t size);
  Result<size_t> Read(MutableByteSpan target) override;

 private:
  const std::unique_ptr<ByteStream> inner_;
  Bytes head_;
  size_t taken_ = 0;  // of head_
};

// To the end, each piece given to `take`; kInterrupted where stop is asked for.
Result<void> ReadAll(ByteStream& stream, const std::stop_token& stop,
                     const std::function<Result<void>(ByteSpan)>& take);

}  // namespace cairn::import
