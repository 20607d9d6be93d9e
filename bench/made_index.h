// An index over blobs that were made and not backed up.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/crypto/object_sealer.h"
#include "engine/index/index.h"

namespace cairn::bench {

inline constexpr uint64_t kBlobsPerFrame = 16, kFramesPerPack = 16, kPacksPerSegment = 800;
inline constexpr uint64_t kBlobsPerPack = kBlobsPerFrame * kFramesPerPack;
inline constexpr uint32_t kBlobLength = 65'536;

// Blob n in the order of a backup; quick to make, and spread as hashes are.
BlobId BlobOf(uint64_t n);
// Pack n, with blobs n * kBlobsPerPack and on.
SegmentPack PackOf(uint64_t n);
std::vector<PackSession> SessionsOfPacks();

// At least `blobs` of them: segments are whole. The same on every machine, so that what one process has made in a
// folder the next one opens. One thread at a time.
class MadeIndex {
 public:
  MadeIndex(std::string folder, uint64_t blobs);
  void Open();
  void Sync();
  void Close() { index_ = nullptr; }

  Index& index() { return *index_; }
  uint64_t blobs() const { return segments_.size() * kPacksPerSegment * kBlobsPerPack; }
  uint64_t DiskBytes() const;
  // Of Sync: what went into making and sealing the segments, which a repository fetches. They are opened and parsed as
  // a repository's are.
  std::chrono::nanoseconds making() const { return making_; }
  uint64_t segment_bytes() const { return segment_bytes_; }  // sealed, of those that Sync asked for

 private:
  Bytes SealedSegment(const SegmentId& id);
  Result<IndexSegment> OpenSegment(const SegmentId& id, ByteSpan object) const;

  const std::string folder_;
  const ObjectSealer sealer_;
  std::vector<SegmentId> segments_;
  std::unordered_map<SegmentId, uint64_t> numbers_;
  std::unique_ptr<Executor> executor_ = MakeThreadPool(std::max(1u, std::thread::hardware_concurrency()));
  Progress progress_;
  std::unique_ptr<Index> index_;
  std::chrono::nanoseconds making_{0};
  uint64_t segment_bytes_ = 0;
};

}  // namespace cairn::bench
