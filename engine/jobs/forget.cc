#include "engine/jobs/forget.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "engine/crypto/hash.h"
#include "engine/env/version.h"
#include "engine/repo/other_writer.h"
#include "engine/repo/remove_right.h"
#include "engine/repo/write_session.h"
#include "repo-format/limits.h"

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

// One of them goes under deleted/. False: it is not in its place any more, for another forgot it meanwhile.
Result<bool> KeepOne(Repository& repository, Protocol& protocol, const ForgottenSnapshot& one, DeletedRecord record) {
  auto object = repository.store().Get(SnapshotName(one.snapshot), limits::kSnapshotBytesMax);
  if (!object && object.error().code() == ErrorCode::kNotFound) return false;
  RETURN_IF_ERROR(object);
  if (Sha256(*object) != one.digest) return false;  // a fence
  record.object = *std::move(object);
  return protocol.PutDeleted(one.snapshot, std::move(record));
}

// What of them is to be kept goes under deleted/ before anything of them goes. Those that others forgot meanwhile.
Result<std::vector<SnapshotId>> KeepForAWhile(const JobContext& context, Repository& repository, Protocol& protocol,
                                              const std::vector<ForgottenSnapshot>& snapshots,
                                              const DeletedRecord& record, const FindingSink& findings) {
  std::vector<SnapshotId> not_kept;
  for (const ForgottenSnapshot& one : snapshots) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while forgetting");
    ASSIGN_OR_RETURN(const bool is_kept, KeepOne(repository, protocol, one, record));
    if (is_kept) continue;
    not_kept.push_back(one.snapshot);
    if (!findings) continue;
    findings({Finding::Severity::kWarning, ErrorCode::kNotFound, "snapshot " + one.snapshot.ToHex(),
              "another forgot it meanwhile: whether it can be brought back is that one's word (cairn snapshots "
              "--deleted)"});
  }
  return not_kept;
}

}  // namespace

Result<void> MayForget(const Repository& repository, const SnapshotSet& set, const std::vector<SnapshotId>& snapshots) {
  if (snapshots.empty()) return {};
  RETURN_IF_ERROR(RecordsOf(repository, set, snapshots));
  return {};
}

Result<ForgetReport> RunForget(const JobContext& context, Repository& repository, const SnapshotSet& set,
                               const std::vector<SnapshotId>& snapshots, const ForgetOptions& options,
                               FindingSink findings) {
  ForgetReport report;
  if (snapshots.empty()) return report;
  if (!options.is_broken) {
    report.kept_seconds = std::max(options.keep_seconds, repository.keyring().sealed_part().keep_deleted_seconds);
  }
  ASSIGN_OR_RETURN(const std::vector<ForgottenSnapshot> records, RecordsOf(repository, set, snapshots));
  // A session of its own, as every run that removes has; it puts no packs, so it needs no index.
  Protocol protocol(repository, context, findings);
  RETURN_IF_ERROR(NeedRemoveRight(repository.store(), context.random, "forget a snapshot"));
  const auto session = context.random.NewId<SessionId>();
  ASSIGN_OR_RETURN(auto lock, repository.cache().LockSession(session));
  RETURN_IF_ERROR(protocol.PutSession(session, SessionPurpose::kMaintenance, kProgram));
  RETURN_IF_ERROR(NeedNoOtherWriter(repository, context, protocol, session));
  const auto run = [&]() -> Result<void> {
    if (report.kept_seconds > 0) {
      const DeletedRecord record{.object = {},
                                 .keep_seconds = report.kept_seconds,
                                 .time = ToWireTime(context.clock.Now()),
                                 .by = session,
                                 .unknown = {}};
      ASSIGN_OR_RETURN(report.not_kept, KeepForAWhile(context, repository, protocol, records, record, findings));
    }
    RETURN_IF_ERROR(protocol.PutForgotten(records));
    std::optional<Error> refused;  // by a lock or a hold of the store, which the others need not wait for
    for (const ForgottenSnapshot& gone : records) {
      if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while forgetting");
      auto forgotten = protocol.Forget(gone.snapshot, session);
      if (!forgotten && forgotten.error().code() == ErrorCode::kPermission) {
        if (!refused) refused = std::move(forgotten).error();
        continue;
      }
      RETURN_IF_ERROR(std::move(forgotten));
      report.forgotten.push_back(gone.snapshot);
      ++context.progress.items_done;
    }
    return refused ? Result<void>(*std::move(refused)) : Result<void>();
  };
  auto done = run();
  // Where it cannot be ended, its lock file is the proof that it is dead, and a prune of this machine ends it.
  if (protocol.EndSession(session)) repository.cache().ForgetDead(session);
  RETURN_IF_ERROR(std::move(done));
  return report;
}

Result<void> RunForgetDeleted(const JobContext& context, Repository& repository,
                              const std::vector<SnapshotId>& snapshots) {
  const uint32_t keeps = repository.keyring().sealed_part().keep_deleted_seconds;
  RETURN_IF_ERROR(repository.NeedWrite(keeps > 0 ? Rights::kMaintain | Rights::kOwn : Rights::kMaintain,
                                       "doing away with forgotten snapshots"));
  RETURN_IF_ERROR(NeedRemoveRight(repository.store(), context.random, "forget a snapshot"));
  Protocol protocol(repository, context);
  RETURN_IF_ERROR(NeedNoOtherWriter(repository, context, protocol, std::nullopt));
  for (const SnapshotId& snapshot : snapshots) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while forgetting");
    RETURN_IF_ERROR(protocol.RemoveDeleted(snapshot));
    ++context.progress.items_done;
  }
  return {};
}

}  // namespace cairn
