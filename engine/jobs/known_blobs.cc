#include "engine/jobs/known_blobs.h"

#include <algorithm>

namespace cairn {
namespace {

constexpr size_t kBlobsWanted = 128 * 1024;
constexpr size_t kRunMax = 256;  // look-ups of one call
constexpr size_t kRunsWanted = 256;

// Another id, which is as random, and nobody's. Many for one blob, so that they are not remembered.
BlobId Absent(const BlobId& id, uint64_t call) {
  BlobId other = id;
  const auto bytes = other.mutable_bytes();
  for (size_t i = 0; i < sizeof(call); ++i) bytes[i] ^= static_cast<uint8_t>(call * 0x9e3779b97f4a7c15 >> (8 * i));
  bytes[bytes.size() - 1] ^= 0x5a;
  return other;
}

}  // namespace

Result<KnownBlobs> KnownBlobs::Choose(Index& index, const JobContext& context, std::chrono::nanoseconds duration) {
  const auto begin = context.clock.Steady();
  KnownBlobs known(context.stop);
  std::vector<IndexedPack> packs = index.Packs();
  while (!packs.empty() && known.blobs_.size() < kBlobsWanted) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    if (!known.empty() && context.clock.Steady() - begin >= duration) break;
    std::swap(packs[context.random.Below(packs.size())], packs.back());
    const IndexedPack pack = std::move(packs.back());
    packs.pop_back();
    if (pack.tombstoned || pack.disputed) continue;
    ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index.Frames(pack.number));
    for (const IndexedFrame& frame : frames) {
      if (frame.retired) continue;
      known.blobs_.insert(known.blobs_.end(), frame.entry->blobs.begin(), frame.entry->blobs.end());
    }
  }
  return known;
}

// Few blobs are shared by all threads, too.
size_t KnownBlobs::RunSize() const { return std::clamp<size_t>(blobs_.size() / kRunsWanted, 1, kRunMax); }

Result<uint64_t> KnownBlobs::LookUp(Index& index, uint64_t call) const {
  const size_t begin = std::min<size_t>(call * RunSize(), blobs_.size());
  const size_t end = std::min(begin + RunSize(), blobs_.size());
  for (size_t i = begin; i < end; ++i) {
    if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    RETURN_IF_ERROR(index.HasForWriter(blobs_[i].id, blobs_[i].length));
  }
  return end - begin;
}

Result<uint64_t> KnownBlobs::LookUpAbsent(Index& index, uint64_t call) const {
  const size_t size = RunSize();
  for (uint64_t i = call * size; i < (call + 1) * size; ++i) {
    if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    const BlobEntry& blob = blobs_[i % blobs_.size()];
    RETURN_IF_ERROR(index.HasForWriter(Absent(blob.id, call + 1), blob.length));
  }
  return size;
}

}  // namespace cairn
