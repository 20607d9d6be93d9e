#include "engine/jobs/known_blobs.h"

#include <algorithm>

namespace cairn {
namespace {

constexpr size_t kBlobsWanted = 64 * 1024;
constexpr size_t kRunMax = 256;  // look-ups of one call

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
  KnownBlobs known;
  std::vector<IndexedPack> packs = index.Packs();
  size_t blobs = 0;
  while (!packs.empty() && blobs < kBlobsWanted) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    if (blobs > 0 && context.clock.Steady() - begin >= duration) break;
    std::swap(packs[context.random.Below(packs.size())], packs.back());
    const IndexedPack pack = std::move(packs.back());
    packs.pop_back();
    if (pack.tombstoned || pack.disputed) continue;
    ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index.Frames(pack.number));
    for (const IndexedFrame& frame : frames) {
      if (frame.retired) continue;
      for (const BlobEntry& blob : frame.entry->blobs) {
        if (known.runs_.empty() || known.runs_.back().size() == kRunMax) known.runs_.emplace_back();
        known.runs_.back().push_back(blob);
        ++blobs;
      }
    }
  }
  return known;
}

Result<uint64_t> KnownBlobs::LookUp(Index& index, uint64_t call, Ask ask) const {
  const std::vector<BlobEntry>& run = runs_[call % runs_.size()];
  for (const BlobEntry& blob : run) {
    const BlobId id = ask == Ask::kThere ? blob.id : Absent(blob.id, call + 1);
    RETURN_IF_ERROR(index.HasForWriter(id, blob.length));
  }
  return run.size();
}

}  // namespace cairn
