// What happens to a frame between its blobs and its pack, each step by itself.
#pragma once

#include <vector>

#include "engine/codec/frame_codec.h"
#include "engine/jobs/benchmark_sample.h"
#include "engine/repo/repository.h"

namespace cairn {

// A frame that was compressed and sealed. Borrows the bytes of its sample.
struct TriedFrame {
  SampleFrame frame;
  bool is_compressed = false;
  Bytes compressed;  // where it is
  Bytes sealed;
  ByteSpan payload() const { return is_compressed ? ByteSpan(compressed) : frame.plain; }
};

// The steps of FrameSealer, under a key that belongs to nothing. Safe for concurrent use; borrows all. A step gives the
// plain bytes of the frame: what it did.
class FrameTrial {
 public:
  // The repository's key can compute ids of data.
  FrameTrial(const Repository& repository, const Random& random, Compression compression);

  uint64_t Identify(const SampleFrame& frame) const;
  uint64_t Compress(const SampleFrame& frame) const;
  TriedFrame Try(const SampleFrame& frame) const;

  uint64_t Seal(const TriedFrame& tried) const;
  // kCorrupt where it does not open.
  Result<uint64_t> Verify(const TriedFrame& tried) const;
  uint64_t HashSealed(const TriedFrame& tried) const;

 private:
  Secret32 FrameKey() const;
  Bytes Sealed(ByteSpan payload) const;

  const BlobHasher& hasher_;
  const Suite suite_;
  const Compression compression_;
  const Secret32 session_key_;
};

}  // namespace cairn
