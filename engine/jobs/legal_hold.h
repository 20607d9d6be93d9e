// Snapshots of which the store itself lets nothing be removed, until they are released.
#pragma once

#include <vector>

#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"
#include "engine/store/object_holder.h"

namespace cairn {

struct HoldReport {
  uint64_t objects = 0;   // that are held now, or are not any more
  uint64_t packs = 0;     // of these
  uint64_t versions = 0;  // of a release: that were looked at
};

// Holds all that a restore of these snapshots takes: their own objects, the packs with the blobs that they need, the
// index, configs and keys. What is put later (by a prune that moves blobs, say) is not held, and what it replaces is
// hidden, and stays. An Error leaves what was held until then.
Result<HoldReport> HoldSnapshots(const JobContext& context, Repository& repository,
                                 const std::vector<const LoadedSnapshot*>& snapshots, ObjectHolder& holder);

// Releases what no other snapshot of `set` that is held needs, in all versions, hidden ones too: then the snapshots
// themselves, so that one that broke off can be done again.
Result<HoldReport> ReleaseSnapshots(const JobContext& context, Repository& repository, const SnapshotSet& set,
                                    const std::vector<const LoadedSnapshot*>& snapshots, ObjectHolder& holder);

}  // namespace cairn
