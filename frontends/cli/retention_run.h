// What a policy lets go, as `forget` and the jobs of `run` do it.
#pragma once

#include <optional>
#include <vector>

#include "engine/jobs/forget.h"
#include "engine/jobs/prune.h"
#include "engine/jobs/retention.h"
#include "engine/store/object_warmer.h"
#include "engine/stores/storage_terms.h"
#include "frontends/cli/cli.h"
#include "frontends/config/configuration.h"

namespace cairn {

std::vector<SnapshotId> GoingOf(const std::vector<RetentionGroup>& decided);

// In a dry run only says whether it would be refused.
Result<ForgetReport> Forget(const JobContext& context, Repository& repository, const SnapshotSet& set,
                            const std::vector<SnapshotId>& going, const ForgetOptions& options, bool dry_run,
                            const FindingSink& findings);

// How a repository's store keeps what a prune looks at.
struct StorageOfPacks {
  StorageTerms terms;
  std::unique_ptr<ObjectWarmer> warmer;  // where data packs are in an archive

  void SetIn(PruneOptions& options) const;
};
Result<StorageOfPacks> StorageOf(Cli& cli, const RepositoryChoice& choice);

struct RetentionOutcome {
  std::vector<SnapshotId> forgotten;  // in a dry run: would be
  std::optional<PruneReport> pruned;
};
// Applies the policy to all snapshots that pass the filter, as one group, forgets, and prunes where something was
// forgotten, as its store keeps packs. What `made` is, and its copies, stays (RetentionGuard). `before_forget` sees
// what goes. What was forgotten stays so where the prune fails.
Result<RetentionOutcome> KeepTo(const JobContext& context, Repository& repository, const ConfiguredRetention& retention,
                                const SnapshotFilter& filter, const std::optional<SnapshotId>& made,
                                const StorageOfPacks& storage, bool dry_run, const FindingSink& findings,
                                const std::function<void(const std::vector<SnapshotId>&)>& before_forget = {});

}  // namespace cairn
