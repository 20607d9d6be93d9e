// Forget: snapshots go; what only they needed is freed by prune. SPEC section 13.5.
#pragma once

#include <vector>

#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

struct ForgetReport {
  std::vector<SnapshotId> forgotten;
};
// Protected snapshots, and those that one that stays needs, are refused (kInvalidArgument names them).
Result<ForgetReport> RunForget(const JobContext& context, Repository& repository, const SnapshotSet& set,
                               const std::vector<SnapshotId>& snapshots, FindingSink findings);

}  // namespace cairn
