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
  std::map<uint32_t, std::vector<std::vector<bool>>>
      live;                     // pack number -> frame -> blob: only packs that are partly live
  std::vector<BlobId> missing;  // needed, and in no pack of the index (at most 1,000)
};

// Merges the marks with the index's sorted walk. Of several places of a blob all count as live but copies of one frame.
// Memory: a bit a blob of packs that are partly live, and some bytes a frame.
Result<PackUsage> MeasureUsage(const JobContext& context, Index& index, IdSorter& needed);

// The frames of packs with tombstones that hold needed blobs, each frame once, without those of which a pack without a
// tombstone has a copy, and without those whose blobs `own` sessions have sealed anew: a pruner opened them before.
// `missing` as above.
struct RescueNeed {
  std::set<FrameKey> frames;
  std::vector<BlobId> missing;
};
Result<RescueNeed> FindRescue(Index& index, IdSorter& needed, const std::set<SessionId>& own);

}  // namespace cairn
