#include "engine/jobs/catch_up.h"

#include <algorithm>
#include <set>

#include "engine/jobs/copy.h"

namespace cairn {
namespace {

// Of these, what the policy keeps where they are beside what the target holds.
Result<std::set<SnapshotId>> Kept(const std::vector<LoadedSnapshot>& target,
                                  const std::vector<const LoadedSnapshot*>& missing, const CatchUpOptions& options) {
  std::set<SnapshotId> kept;
  if (!options.policy) {
    for (const LoadedSnapshot* one : missing) kept.insert(one->id);
    return kept;
  }
  std::vector<LoadedSnapshot> together = target;
  for (const LoadedSnapshot* one : missing) together.push_back(*one);
  options.guard.Mark(together, options.filter, {});
  ASSIGN_OR_RETURN(const auto groups,
                   ApplyRetention(together, *options.policy, {.host = false, .paths = false}, options.filter, true));
  for (const RetentionGroup& group : groups) {
    for (const RetentionDecision& decision : group.decisions) {
      if (decision.keep) kept.insert(decision.snapshot->id);
    }
  }
  return kept;
}

}  // namespace

Result<CatchUpPlan> PlanCatchUp(const std::vector<LoadedSnapshot>& source, const std::vector<LoadedSnapshot>& target,
                                const CatchUpOptions& options) {
  CatchUpPlan plan;
  std::vector<const LoadedSnapshot*> missing;
  for (const LoadedSnapshot& one : source) {
    if (one.inner.snapshot_class != SnapshotClass::kOrdinary || (options.filter && !options.filter(one))) continue;
    const auto remembered = options.copy_of ? options.copy_of(one.id) : std::nullopt;
    const bool is_there = std::ranges::any_of(target, [&](const LoadedSnapshot& there) {
      return remembered == there.id || LooksCopied(one, there, options.same_ids);
    });
    if (is_there) {
      ++plan.there;
    } else if (options.was_forgotten && options.was_forgotten(one.id)) {
      plan.passed_over.push_back(one.id);
    } else {
      missing.push_back(&one);
    }
  }
  ASSIGN_OR_RETURN(const std::set<SnapshotId> kept, Kept(target, missing, options));
  for (const LoadedSnapshot* one : missing) {
    (kept.contains(one->id) ? plan.missing : plan.passed_over).push_back(one->id);
  }
  return plan;
}

}  // namespace cairn
