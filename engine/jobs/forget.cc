#include "engine/jobs/forget.h"

#include <algorithm>
#include <map>
#include <set>

#include "engine/env/version.h"
#include "engine/repo/remove_right.h"
#include "engine/repo/write_session.h"

namespace cairn {
namespace {

// Refuses what must stay: protected snapshots, and what another that stays needs.
Result<void> RefuseNeeded(const SnapshotSet& set, const std::set<SnapshotId>& wanted) {
  for (const LoadedSnapshot& snapshot : set.snapshots) {
    if (wanted.contains(snapshot.id)) {
      if (!snapshot.is_protected) continue;
      return MakeError(ErrorCode::kInvalidArgument,
                       "snapshot {} is protected: take the protection away first (cairn tag "
                       "--unprotect)",
                       snapshot.id.ToHex());
    }
    for (const SnapshotId& needed : snapshot.inner.needs) {
      if (!wanted.contains(needed)) continue;
      return MakeError(ErrorCode::kInvalidArgument, "snapshot {} is needed by snapshot {}, which stays", needed.ToHex(),
                       snapshot.id.ToHex());
    }
  }
  return {};
}

// A record of each of the snapshots; an Error where one of them may not go.
Result<std::vector<ForgottenSnapshot>> RecordsOf(const Repository& repository, const SnapshotSet& set,
                                                 const std::vector<SnapshotId>& snapshots) {
  RETURN_IF_ERROR(repository.NeedWrite(Rights::kMaintain, "forgetting snapshots"));
  if (!set.unreadable.empty()) {
    return MakeError(ErrorCode::kCorrupt,
                     "{} ({} objects in all) cannot be read, so nobody knows what it protects or needs: nothing is "
                     "forgotten (cairn repair snapshots --forget sets broken ones aside)",
                     set.unreadable.front().name.text(), set.unreadable.size());
  }
  const std::set<SnapshotId> wanted(snapshots.begin(), snapshots.end());
  RETURN_IF_ERROR(RefuseNeeded(set, wanted));
  std::vector<ForgottenSnapshot> records;
  for (const LoadedSnapshot& snapshot : set.snapshots) {
    if (!wanted.contains(snapshot.id)) continue;
    records.push_back({snapshot.id, snapshot.slot, snapshot.counter, snapshot.digest, ForgottenWhy::kForgotten});
  }
  if (records.size() != wanted.size()) {
    return MakeError(ErrorCode::kNotFound, "{} of the {} snapshots to forget are not there",
                     wanted.size() - records.size(), wanted.size());
  }
  return records;
}

}  // namespace

Result<void> MayForget(const Repository& repository, const SnapshotSet& set, const std::vector<SnapshotId>& snapshots) {
  if (snapshots.empty()) return {};
  RETURN_IF_ERROR(RecordsOf(repository, set, snapshots));
  return {};
}

Result<ForgetReport> RunForget(const JobContext& context, Repository& repository, const SnapshotSet& set,
                               const std::vector<SnapshotId>& snapshots, FindingSink findings) {
  ForgetReport report;
  if (snapshots.empty()) return report;
  ASSIGN_OR_RETURN(const std::vector<ForgottenSnapshot> records, RecordsOf(repository, set, snapshots));
  // A session of its own, as every run that removes has; it puts no packs, so it needs no index.
  Protocol protocol(repository, context, findings);
  RETURN_IF_ERROR(NeedRemoveRight(repository.store(), context.random, "forget a snapshot"));
  const auto session = context.random.NewId<SessionId>();
  ASSIGN_OR_RETURN(auto lock, repository.cache().LockSession(session));
  RETURN_IF_ERROR(protocol.PutSession(session, SessionPurpose::kMaintenance, kProgram));
  const auto run = [&]() -> Result<void> {
    RETURN_IF_ERROR(protocol.PutForgotten(records));
    for (const ForgottenSnapshot& gone : records) {
      if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while forgetting");
      RETURN_IF_ERROR(protocol.Forget(gone.snapshot, session));
      report.forgotten.push_back(gone.snapshot);
      ++context.progress.items_done;
    }
    return {};
  };
  auto done = run();
  // Where it cannot be ended, its lock file is the proof that it is dead, and a prune of this machine ends it.
  if (protocol.EndSession(session)) repository.cache().ForgetDead(session);
  RETURN_IF_ERROR(std::move(done));
  return report;
}

}  // namespace cairn
