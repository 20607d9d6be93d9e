// Stats: how much is there, and how much of it is told apart by what.
#pragma once

#include <vector>

#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

struct StatsReport {
  uint64_t snapshots = 0;
  uint64_t restore_bytes = 0, restore_files = 0;                        // sum over the snapshots, as restored
  uint64_t blobs = 0, blob_bytes = 0;                                   // needed by them, each once, plain
  uint64_t stored_bytes = 0;                                            // sealed bytes of the frames that hold these
  uint64_t packs = 0, pack_bytes = 0, segments = 0, objects_bytes = 0;  // of the whole repository
  uint64_t unread = 0;  // that could not be read, and was told: what it says, or is below it, is not counted
};
Result<StatsReport> RunStats(const JobContext& context, Repository& repository,
                             const std::vector<const LoadedSnapshot*>& snapshots, FindingSink findings);

}  // namespace cairn
