// Forget: snapshots go, at once or after a while; what only they needed is freed by prune. SPEC section 13.5.
#pragma once

#include <vector>

#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

struct ForgetOptions {
  // For how long they can be brought back (RunUndelete); what the config says where that is longer. 0: as it says.
  uint32_t keep_seconds = 0;
  // They are broken, and the rest of them is another snapshot by now: never kept, for what they need is not there.
  bool is_broken = false;
};
struct ForgetReport {
  std::vector<SnapshotId> forgotten;
  uint32_t kept_seconds = 0;  // for so long they can be brought back; 0: not at all
  // But for these: others forgot them meanwhile, and whether those have kept them is not known.
  std::vector<SnapshotId> not_kept;
};
// Whether RunForget would take these: kNoRight, kCorrupt where a snapshot cannot be read, kInvalidArgument for
// protected snapshots and for those that one that stays needs, kNotFound. Changes nothing: what a dry run asks.
Result<void> MayForget(const Repository& repository, const SnapshotSet& set, const std::vector<SnapshotId>& snapshots);

// Refuses, before anything is changed, what MayForget does.
Result<ForgetReport> RunForget(const JobContext& context, Repository& repository, const SnapshotSet& set,
                               const std::vector<SnapshotId>& snapshots, const ForgetOptions& options,
                               FindingSink findings);

// These go for good, though their time is not over. Where the config says that what is forgotten is kept, this needs
// the owner.
Result<void> RunForgetDeleted(const JobContext& context, Repository& repository,
                              const std::vector<SnapshotId>& snapshots);

}  // namespace cairn
