#include "frontends/cli/job_copy.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/jobs/catch_up.h"
#include "engine/jobs/copy.h"
#include "engine/jobs/copy_memory.h"
#include "frontends/cli/origin.h"
#include "frontends/cli/prune_command.h"
#include "frontends/cli/snapshot_json.h"
#include "frontends/cli/text.h"
#include "frontends/config/compression_option.h"

namespace cairn {
namespace {

class CatchUpRun {
 public:
  CatchUpRun(Cli& cli, const JobContext& context, Repository& source, const SnapshotSet& have,
             const CopyRequest& request)
      : cli_(cli), context_(context), source_(source), have_(have), request_(request) {
    outcome_.to = request.copy.to;
    filter_ = SnapshotsOfJob(request.job);
  }

  CopyOutcome Run() {
    GuessWaiting();
    auto done = CopyAndKeep();
    if (!done) outcome_.error = std::move(done).error();
    for (const LoadedSnapshot& one : have_.snapshots) {  // ascending by time
      const bool waits = std::ranges::find(outcome_.waiting, one.id) != outcome_.waiting.end();
      if (waits && !outcome_.waiting_since) outcome_.waiting_since = one.inner.start;
      if (filter_(one)) outcome_.newest = one.inner.start;
    }
    return std::move(outcome_);
  }

 private:
  // Where the target cannot be looked at: what was made since it had everything.
  void GuessWaiting() {
    for (const LoadedSnapshot& one : have_.snapshots) {
      const bool is_ordinary = one.inner.snapshot_class == SnapshotClass::kOrdinary;
      const bool is_newer = !request_.before.caught_up || *request_.before.caught_up < one.inner.start;
      if (is_ordinary && is_newer && filter_(one)) outcome_.waiting.push_back(one.id);
    }
  }

  Result<void> CopyAndKeep() {
    ASSIGN_OR_RETURN(const OpenedRepository target, cli_.OpenOther(request_.target));
    RETURN_IF_ERROR(request_.repositories.Add(*target.repository, request_.copy.to));
    RETURN_IF_ERROR(Plan(*target.repository));
    auto copied = outcome_.waiting.empty() || request_.dry_run ? Result<void>() : Copy(*target.repository);
    const bool is_reached = copied || IsLoss(copied.error().code());
    if (!request_.copy.retention || !is_reached) return copied;
    auto kept = Keep(*target.repository, *request_.copy.retention);
    return copied ? std::move(kept).While("its retention") : copied;  // the first error is the one to tell
  }

  Result<void> Keep(Repository& target, const ConfiguredRetention& retention) {
    ASSIGN_OR_RETURN(const StorageOfPacks storage, StorageOf(cli_, request_.target));
    ASSIGN_OR_RETURN(outcome_.retention, KeepTo(context_, target, retention, filter_, request_.made, storage,
                                                request_.dry_run, cli_.Findings()));
    return {};
  }

  // What is there is looked up there, whatever this machine remembers.
  Result<void> Plan(Repository& target) {
    ASSIGN_OR_RETURN(const SnapshotSet there, LoadSnapshots(target, context_, cli_.Findings()));
    std::set<SnapshotId> forgotten;
    for (const ForgottenSnapshot& one : there.forgotten) {
      if (one.why == ForgottenWhy::kForgotten) forgotten.insert(one.snapshot);
    }
    CopyMemory memory(target.cache());
    IgnoreError(memory.Load(), "what was forgotten there is sent again, at worst");
    CatchUpOptions options{.filter = filter_,
                           .policy = {},
                           .guard = {.now = context_.clock.Now(), .made = request_.made},
                           .same_ids = source_.keyring().family() == target.keyring().family(),
                           .copy_of = [&](const SnapshotId& id) { return memory.Find(id); },
                           .was_forgotten =
                               [&](const SnapshotId& id) {
                                 const auto copy = memory.Find(id);
                                 return copy && forgotten.contains(*copy);
                               }};
    if (request_.copy.retention) options.policy = request_.copy.retention->policy;
    ASSIGN_OR_RETURN(CatchUpPlan plan, PlanCatchUp(have_.snapshots, there.snapshots, options));
    outcome_.waiting = std::move(plan.missing);
    outcome_.passed_over = plan.passed_over.size();
    return {};
  }

  // One that cannot be read here does not keep the others back; a target that has gone does.
  Result<void> Copy(Repository& target) {
    CopyOptions options{.snapshots = outcome_.waiting, .compression = {}};
    ASSIGN_OR_RETURN(options.compression, ParseCompression(request_.job.compression));
    const size_t waiting_before = outcome_.waiting.size();
    std::optional<Error> first;
    std::set<SnapshotId> lost;
    while (!options.snapshots.empty()) {
      auto report = RunCopy(context_, source_, target, options, cli_.Findings());
      if (report) {
        Count(*report, lost);
        break;
      }
      if (!first) first = report.error();
      if (!Plan(target)) break;  // all of them are said to wait
      // In their order: the first of them that is not there has failed.
      const auto is_waiting = [&](const SnapshotId& id) {
        return std::ranges::find(outcome_.waiting, id) != outcome_.waiting.end();
      };
      const auto failed = std::ranges::find_if(options.snapshots, is_waiting);
      if (!IsLoss(report.error().code()) || failed == options.snapshots.end()) break;
      lost.insert(*failed);
      options.snapshots.erase(options.snapshots.begin(), failed + 1);
    }
    outcome_.sent = waiting_before - std::min(waiting_before, outcome_.waiting.size() + were_there_);
    if (first) return *std::move(first);
    return {};
  }

  void Count(const CopyReport& report, const std::set<SnapshotId>& lost) {
    outcome_.waiting.assign(lost.begin(), lost.end());
    outcome_.bytes_sent = report.bytes_copied;
    for (const CopyReport::One& one : report.snapshots) {
      outcome_.incomplete += one.is_incomplete ? 1 : 0;
      were_there_ += one.was_there ? 1 : 0;
    }
  }

  Cli& cli_;
  const JobContext& context_;
  Repository& source_;
  const SnapshotSet& have_;
  const CopyRequest& request_;
  SnapshotFilter filter_;
  CopyOutcome outcome_;
  size_t were_there_ = 0;  // though the plan did not see them
};

}  // namespace

std::string TagOfJob(const ConfiguredJob& job) { return "job:" + job.name; }

SnapshotFilter SnapshotsOfJob(const ConfiguredJob& job) {
  const Bytes host = job.host.empty() ? HostName() : ToBytes(AsBytes(job.host));
  return [host, tag = TagOfJob(job)](const LoadedSnapshot& snapshot) {
    return snapshot.opened && snapshot.inner.host == host &&
           std::ranges::find(snapshot.tags, tag) != snapshot.tags.end();
  };
}

CopyOutcome CatchUp(Cli& cli, const JobContext& context, Repository& source, const SnapshotSet& have,
                    const CopyRequest& request) {
  return CatchUpRun(cli, context, source, have, request).Run();
}

Result<void> RunRepositories::Add(const Repository& repository, const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto [other, is_new] = names_.emplace(repository.keyring().repository(), name);
  if (is_new) return {};
  return MakeError(ErrorCode::kInvalidArgument,
                   "{} is the same repository as {}, by another address: it is no copy (cairn init makes another one)",
                   repository.store().description(), other->second);
}

nlohmann::json RetentionJson(const RetentionOutcome& retention, bool dry_run) {
  nlohmann::json ids = nlohmann::json::array();
  for (const SnapshotId& id : retention.forgotten) ids.push_back(id.ToHex());
  return {{"forgotten", ids}, {"prune", retention.pruned ? PruneJson(*retention.pruned, dry_run) : nlohmann::json()}};
}

nlohmann::json CopyJson(const CopyOutcome& outcome, bool dry_run) {
  return {
      {"repository", outcome.to},
      {"result", outcome.error            ? "failure"
                 : outcome.incomplete > 0 ? "incomplete"
                                          : "success"},
      {"error", outcome.error ? nlohmann::json(outcome.error->message()) : nlohmann::json()},
      {"snapshots_sent", outcome.sent},
      {"bytes_sent", outcome.bytes_sent},
      {"snapshots_passed_over", outcome.passed_over},
      {"snapshots_waiting", outcome.waiting.size()},
      {"waiting_since", outcome.waiting_since ? nlohmann::json(JsonTime(*outcome.waiting_since)) : nlohmann::json()},
      {"retention", RetentionJson(outcome.retention, dry_run)}};
}

void SayRetention(Cli& cli, const std::string& where, const RetentionOutcome& retention, bool dry_run) {
  if (retention.forgotten.empty()) return;
  const std::string freed =
      retention.pruned ? fmt::format(", {} freed", HumanBytes(retention.pruned->bytes_removed)) : "";
  cli.Say(fmt::format("{}: {} {} snapshots{}\n", where, dry_run ? "would forget" : "forgot", retention.forgotten.size(),
                      freed));
}

void SayCopy(Cli& cli, const CopyOutcome& outcome, bool dry_run) {
  if (dry_run && !outcome.error) {
    const std::string others =
        outcome.waiting.empty() ? "" : fmt::format(", and {} that wait,", outcome.waiting.size());
    cli.Say(fmt::format("copy {}: the new snapshot{} would be sent\n", outcome.to, others));
  } else if (!outcome.error) {
    cli.Say(fmt::format("copy {}: {} snapshot{} sent, {}\n", outcome.to, outcome.sent, outcome.sent == 1 ? "" : "s",
                        HumanBytes(outcome.bytes_sent)));
  }
  SayRetention(cli, "copy " + outcome.to, outcome.retention, dry_run);
}

}  // namespace cairn
