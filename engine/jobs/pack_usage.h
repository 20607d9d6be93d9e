// How much of each pack the snapshots need.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "engine/jobs/prune.h"
#include "engine/jobs/reachability.h"

namespace cairn {

// A frame by its pack's number in the index.
struct FrameKey {
  uint32_t pack = 0, frame = 0;
  friend auto operator<=>(const FrameKey&, const FrameKey&) = default;
};

struct PackUsage {
  std::vector<PackPlan> packs;  // by name; without those that have a tombstone
  // Pack number -> its blobs, frame by frame: only packs that are partly live, or may be joined.
  std::map<uint32_t, std::vector<bool>> live;
  std::vector<BlobId> missing;  // needed, and in no pack of the index (at most 1,000)
};

// What the marks say nothing of: packs of sessions that ran while the marks were made, or later.
struct YoungPacks {
  std::set<SessionId> sessions;  // with a frame of one of these
  uint32_t number_first = 0;     // that came into the index under this number, or a higher one
};
// Merges the marks with the index's sorted walk. Of several places of a blob all count as live but copies of one frame.
// Memory: an eighth of the limits, some 200 bytes a pack, and a bit a blob of packs that are partly live; what is more
// is on disk, beside `needed`: 12 bytes a needed blob.
// `join_below`: data packs of fewer bytes may be joined.
Result<PackUsage> MeasureUsage(const JobContext& context, Index& index, IdSorter& needed, const YoungPacks& young,
                               uint64_t join_below = 0);

// What a pruner has opened, and sealed anew in a pack that it put itself. That a frame says so of itself proves
// nothing.
struct OwnFrames {
  SessionId session;
  std::set<PackName> packs;
};
// The frames of packs with tombstones that hold needed blobs, each frame once, without those of which a pack without a
// tombstone has a copy, and without those whose blobs are in frames of `own`. `missing` as above.
struct RescueNeed {
  std::map<FrameKey, std::vector<uint32_t>> frames;  // the numbers of the needed blobs
  std::vector<BlobId> missing;
};
Result<RescueNeed> FindRescue(const JobContext& context, Index& index, IdSorter& needed, const OwnFrames& own);
// The same where it is known that no needed blob is missing: reads the entries of packs with tombstones and the marks,
// and of the index only what both have. Memory: an eighth of the limits; what is more is on disk, beside `needed`.
Result<RescueNeed> FindRescueInPacks(const JobContext& context, Index& index, IdSorter& needed, const OwnFrames& own);

}  // namespace cairn
