// Which snapshots a repository still lacks of another one.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "engine/jobs/retention.h"
#include "engine/jobs/retention_guard.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

struct CatchUpOptions {
  SnapshotFilter filter;                  // which snapshots, in both; empty: all
  std::optional<RetentionPolicy> policy;  // that of the target, over all that pass the filter as one group
  RetentionGuard guard;                   // of the policy: what was just made is sent, whatever time it has
  bool same_ids = false;                  // as in LooksCopied
  // Which snapshot of the target is a copy of this one, as this machine remembers: a key that may only write there
  // opens none of them. Empty: nobody knows.
  std::function<std::optional<SnapshotId>(const SnapshotId& source)> copy_of;
  // A copy that was there and was forgotten on purpose is not sent again. Empty: nobody knows of such.
  std::function<bool(const SnapshotId& source)> was_forgotten;
};

struct CatchUpPlan {
  std::vector<SnapshotId> missing;  // to be sent, oldest first
  // Not there either; but the target's policy would let go of them at once, beside those that are missing.
  std::vector<SnapshotId> passed_over;
  uint64_t there = 0;
};

// Pure. A safety snapshot, or of another class than ordinary, is no one's to send.
Result<CatchUpPlan> PlanCatchUp(const std::vector<LoadedSnapshot>& source, const std::vector<LoadedSnapshot>& target,
                                const CatchUpOptions& options);

}  // namespace cairn
