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
// segments that say so, configs and keys; the snapshots first, so that what broke off can be released. Each is looked
// at again afterwards: kIo where the store said that it holds one, and does not. What is put later (by a prune that
// moves blobs, say) is not held, and what it replaces is hidden, and stays. An Error leaves what was held until then.
Result<HoldReport> HoldSnapshots(const JobContext& context, Repository& repository,
                                 const std::vector<const LoadedSnapshot*>& snapshots, ObjectHolder& holder);

// Releases what no other snapshot that is held needs, in all versions, hidden ones too: then the snapshots themselves,
// so that one that broke off can be done again. Before that it holds what the others need now, for what they were held
// with may lie elsewhere since. `set`: all that are there; of `snapshots` some may be hidden. kInvalidArgument, and
// nothing is released, where one of these is not held, or where another is that is not in `set`: nobody knows what it
// needs.
Result<HoldReport> ReleaseSnapshots(const JobContext& context, Repository& repository, const SnapshotSet& set,
                                    const std::vector<SnapshotId>& snapshots, ObjectHolder& holder);

}  // namespace cairn
