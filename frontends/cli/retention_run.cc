#include "frontends/cli/retention_run.h"

#include "engine/jobs/retention_guard.h"
#include "frontends/config/values.h"

namespace cairn {

std::vector<SnapshotId> GoingOf(const std::vector<RetentionGroup>& decided) {
  std::vector<SnapshotId> going;
  for (const RetentionGroup& group : decided) {
    for (const RetentionDecision& decision : group.decisions) {
      if (!decision.keep) going.push_back(decision.snapshot->id);
    }
  }
  return going;
}

Result<ForgetReport> Forget(const JobContext& context, Repository& repository, const SnapshotSet& set,
                            const std::vector<SnapshotId>& going, const ForgetOptions& options, bool dry_run,
                            const FindingSink& findings) {
  if (!dry_run) return RunForget(context, repository, set, going, options, findings);
  RETURN_IF_ERROR(MayForget(repository, set, going));
  return ForgetReport{};
}

void StorageOfPacks::SetIn(PruneOptions& options) const {
  options.least_age_seconds = terms.least_age_seconds;
  options.least_pack_bytes = terms.least_bytes;
  options.warmer = warmer.get();
}

Result<StorageOfPacks> StorageOf(Cli& cli, const RepositoryChoice& choice) {
  ASSIGN_OR_RETURN(const StoreSettings settings, cli.SettingsOf(choice));
  StorageOfPacks storage;
  ASSIGN_OR_RETURN(storage.terms, TermsOf(settings));
  if (!KeepsInArchive(settings)) return storage;
  // A setting of another kind of store says nothing of this one.
  auto warmer = cli.OpenWarmerOf(choice);
  if (warmer) storage.warmer = *std::move(warmer);
  return storage;
}

Result<RetentionOutcome> KeepTo(const JobContext& context, Repository& repository, const ConfiguredRetention& retention,
                                const SnapshotFilter& filter, const std::optional<SnapshotId>& made,
                                const StorageOfPacks& storage, bool dry_run, const FindingSink& findings,
                                const std::function<void(const std::vector<SnapshotId>&)>& before_forget) {
  RETURN_IF_ERROR(repository.keyring().Need(Rights::kMetadataKey, "applying a policy"));
  ASSIGN_OR_RETURN(PruneOptions options, ParsePruneOptions(retention.max_unused, retention.max_repack_size));
  options.dry_run = dry_run;
  storage.SetIn(options);
  ASSIGN_OR_RETURN(SnapshotSet set, LoadSnapshots(repository, context, findings));
  RetentionGuard{.now = context.clock.Now(), .made = made}.Mark(set.snapshots, filter, findings);
  ASSIGN_OR_RETURN(const auto decided,
                   ApplyRetention(set.snapshots, retention.policy, {.host = false, .paths = false}, filter, false));
  RetentionOutcome outcome{.forgotten = GoingOf(decided), .pruned = {}};
  if (outcome.forgotten.empty()) return outcome;
  if (before_forget) before_forget(outcome.forgotten);
  RETURN_IF_ERROR(Forget(context, repository, set, outcome.forgotten, {}, dry_run, findings));
  if (!retention.prune || dry_run) return outcome;
  ASSIGN_OR_RETURN(outcome.pruned, RunPrune(context, repository, options, findings));
  return outcome;
}

}  // namespace cairn
