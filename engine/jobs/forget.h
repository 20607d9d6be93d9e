// Forget: snapshots go; what only they needed is freed by prune. SPEC section 13.5.
#pragma once

#include <vector>

#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

struct ForgetReport {
  std::vector<SnapshotId> forgotten;
};
// Whether RunForget would take these: kNoRight, kCorrupt where a snapshot cannot be read, kInvalidArgument for
// protected snapshots and for those that one that stays needs, kNotFound. Changes nothing: what a dry run asks.
Result<void> MayForget(const Repository& repository, const SnapshotSet& set, const std::vector<SnapshotId>& snapshots);

// Refuses, before anything is changed, what MayForget does.
Result<ForgetReport> RunForget(const JobContext& context, Repository& repository, const SnapshotSet& set,
                               const std::vector<SnapshotId>& snapshots, FindingSink findings);

}  // namespace cairn
