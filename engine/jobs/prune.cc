#include "engine/jobs/prune.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <set>
#include <unordered_set>

#include "engine/codec/frame_codec.h"
#include "engine/jobs/at_once.h"
#include "engine/jobs/deleted_expiry.h"
#include "engine/jobs/frame_rescue.h"
#include "engine/jobs/pack_remover.h"
#include "engine/jobs/pack_usage.h"
#include "engine/jobs/repacker.h"
#include "engine/jobs/segment_merge.h"
#include "engine/jobs/session_watch.h"
#include "engine/pack/pack_reader.h"
#include "engine/repo/remove_right.h"
#include "engine/repo/write_session.h"

namespace cairn {
namespace {

constexpr int kMarkTriesMax = 5, kRescueTriesMax = 10;

// One run of a pruner. The steps are those of SPEC 13.4, in its order and by its names.
class PruneRun {
 public:
  PruneRun(const JobContext& context, Repository& repository, const PruneOptions& options, FindingSink findings)
      : context_(context), repository_(repository), options_(options), findings_(std::move(findings)) {}

  Result<PruneReport> Run() {
    RETURN_IF_ERROR(repository_.keyring().Need(Rights::kMetadataKey, "marking what the snapshots need"));
    if (!options_.dry_run) {
      RETURN_IF_ERROR(repository_.NeedWrite(Rights::kMaintain, "pruning"));
      RETURN_IF_ERROR(NeedRemoveRight(repository_.store(), context_.random, "prune"));
    }
    ASSIGN_OR_RETURN(index_, repository_.LoadIndex(context_));
    if (!options_.dry_run) {
      RETURN_IF_ERROR(BeginSession());
      SessionWatch watch(context_, repository_, session_->protocol(), session_->id(), options_.quiet_session_ns);
      ASSIGN_OR_RETURN(ClearReport cleared, watch.ClearAway());
      report_.sessions_ended = cleared.ended;
      report_.sessions_fenced = cleared.fenced;
      report_.sessions_unproved = std::move(cleared.unproved);
      resumable_ = std::move(cleared.resumable);
    } else {
      RETURN_IF_ERROR(SetTombstones());
      for (const LocalCache::DeadSession& dead : repository_.cache().DeadSessions()) resumable_.insert(dead.id);
    }
    // In this order: names first, then sessions (MergeSegments); packs first, then sessions, then snapshots
    // (YoungPacks).
    removed_at_begin_ = index_->RemovedWithoutEntry();
    young_.number_first = index_->next_number();
    RETURN_IF_ERROR(LookAtSessions(&sessions_at_begin_));
    auto done = RunSteps();
    if (session_ != nullptr) {
      auto ended = done ? session_->End() : session_->Abandon();
      if (done) RETURN_IF_ERROR(std::move(ended));
      CountWritten();
    }
    RETURN_IF_ERROR(std::move(done));
    return std::move(report_);
  }

 private:
  Result<void> RunSteps() {
    RETURN_IF_ERROR(MarkAndPlan());
    RETURN_IF_ERROR(CountYoung());
    if (options_.dry_run) return {};
    RETURN_IF_ERROR(AskForDead());
    // What is wholly dead goes first: it frees space for what is moved, also on a full disk.
    std::vector<StoredPack> dead = Victims(PackFate::kRemove);
    dead.insert(dead.end(), report_.plan.unindexed.begin(), report_.plan.unindexed.end());
    for (const PackName& name : report_.plan.missing) dead.push_back({missing_kinds_.at(name), name, 0, 0});
    RETURN_IF_ERROR(PutTombstones(dead));
    RETURN_IF_ERROR(FinishTombstones());
    const std::vector<StoredPack> partly = Victims(PackFate::kRepack);
    if (!partly.empty()) {
      if (has_put_list_) RETURN_IF_ERROR(BeginSession());
      ASSIGN_OR_RETURN(const std::vector<StoredPack> moved, Repack(partly));
      RETURN_IF_ERROR(PutTombstones(moved));
      RETURN_IF_ERROR(FinishTombstones());
    }
    if (options_.merge_segments) {
      ASSIGN_OR_RETURN(const MergeReport merged, MergeSegments(context_, repository_, session_->protocol(),
                                                               session_->id(), removed_at_begin_, sessions_at_begin_));
      report_.segments_merged = merged.covered;
      report_.segments_written = merged.written;
      report_.removed_names_dropped = merged.names_dropped;
    }
    RETURN_IF_ERROR(session_->protocol().CleanFences());
    RETURN_IF_ERROR(session_->protocol().CleanSessionRests());
    IgnoreError(repository_.store().CleanTemporary(), "what is left stays for the next time");
    return refused_ ? Result<void>(*refused_) : Result<void>();
  }

  // A session has one seen list, and puts no tombstone after it: each round of tombstones has a session of its own.
  Result<void> BeginSession() {
    if (session_ != nullptr) {
      RETURN_IF_ERROR(session_->End());
      CountWritten();
    }
    ASSIGN_OR_RETURN(session_,
                     WriteSession::Begin(repository_, *index_, context_,
                                         {.purpose = SessionPurpose::kMaintenance, .compression = {}}, findings_));
    has_put_list_ = false;
    return {};
  }

  void CountWritten() {
    report_.packs_written += session_->totals().packs;
    report_.bytes_written += session_->totals().bytes_stored;
  }

  // Their packs are nobody's to judge yet, but for those of sessions that cannot commit any more. Gives back whether
  // another pruner or repairer may be at work, whose packs do not say so. `ids`, of the look before the marks: all.
  Result<bool> LookAtSessions(std::vector<SessionId>* ids) {
    Protocol protocol(repository_, context_, findings_);
    ASSIGN_OR_RETURN(const std::vector<SessionSeen> sessions, protocol.ListSessions());
    bool other_maintenance = false;
    for (const SessionSeen& seen : sessions) {
      if (session_ != nullptr && seen.id == session_->id()) continue;
      if (ids != nullptr) ids->push_back(seen.id);
      ASSIGN_OR_RETURN(const bool settled, IsSettled(protocol, seen.id, ids != nullptr));
      if (settled) continue;
      young_.sessions.insert(seen.id);
      young_texts_[seen.id] = SessionText(seen);
      const bool maintenance = !seen.record || seen.record->purpose == SessionPurpose::kMaintenance;
      other_maintenance |= maintenance && !seen.ended;
    }
    return other_maintenance;
  }

  // It is fenced, so its successor looks everything up again; or it had committed before the snapshots were listed that
  // are marked. But one that died on this machine lately may be taken up by the next backup.
  Result<bool> IsSettled(Protocol& protocol, const SessionId& session, bool before_marks) {
    if (settled_.contains(session)) return true;
    if (resumable_.contains(session)) return false;
    const auto slot = protocol.LookAtSlot(session);
    if (!slot && !IsLoss(slot.error().code())) return slot.error();
    if (!slot) return false;
    if (*slot == SnapshotSlot::kFence || (*slot == SnapshotSlot::kSnapshot && before_marks)) settled_.insert(session);
    return settled_.contains(session);
  }

  // --- step 1 ---

  Result<void> LoadSet() {
    ASSIGN_OR_RETURN(set_, LoadSnapshotsAndDeleted(repository_, context_, findings_));
    if (!set_.unreadable.empty()) {
      return MakeError(ErrorCode::kCorrupt,
                       "{} ({} objects in all) cannot be read, so nobody knows what it needs: nothing is removed "
                       "(cairn repair snapshots --forget sets broken ones aside)",
                       set_.unreadable.front().name.text(), set_.unreadable.size());
    }
    if (!set_.unexplained.empty()) {
      return MakeError(ErrorCode::kCorrupt,
                       "the set of snapshots has a gap, so nothing is removed: {} ({} in all; cairn repair snapshots "
                       "puts a loss on record)",
                       set_.unexplained.front(), set_.unexplained.size());
    }
    return DropWhatIsOver();
  }

  // Before anything is marked without them: so whatever is under deleted/ is whole, also when this run dies.
  Result<void> DropWhatIsOver() {
    if (set_.deleted.empty()) {
      report_.deleted_kept = 0;
      return {};
    }
    ASSIGN_OR_RETURN(const UnixNs store_now, StoreTime());
    const DeletedVerdict verdict = JudgeDeleted(set_.deleted, store_now, context_.clock, repository_.cache());
    report_.deleted_without_date |= verdict.any_without_date;
    if (options_.dry_run) {
      report_.deleted_over = verdict.over.size();
    } else {
      for (const SnapshotId& id : verdict.over) {
        RETURN_IF_ERROR(session_->protocol().RemoveDeleted(id));
        ++report_.deleted_over;
      }
    }
    std::erase_if(set_.deleted, [&](const DeletedSnapshot& one) { return verdict.over.contains(one.snapshot.id); });
    report_.deleted_kept = set_.deleted.size();
    return {};
  }

  // By the store's own clock, and not later than now: this run's session was put before. No date that another may have
  // set counts, but for a dry run, which puts nothing and removes nothing.
  Result<UnixNs> StoreTime() {
    if (session_ == nullptr) return set_.newest_date;
    ASSIGN_OR_RETURN(const ObjectInfo info, repository_.store().Stat(SessionName(session_->id())));
    return info.modified;
  }

  // All that needs what is marked.
  static std::vector<const LoadedSnapshot*> Needing(const SnapshotSet& set) {
    std::vector<const LoadedSnapshot*> all;
    for (const LoadedSnapshot& snapshot : set.snapshots) all.push_back(&snapshot);
    for (const DeletedSnapshot& one : set.deleted) all.push_back(&one.snapshot);
    return all;
  }

  // A snapshot that goes while its blobs are marked is no damage, though another pruner may have removed what it
  // needed.
  Result<void> MarkAndPlan() {
    for (int attempt = 0; attempt < kMarkTriesMax; ++attempt) {
      Result<void> done = Mark();
      if (done) done = Plan();
      if (done || !IsLoss(done.error().code())) return done;
      ASSIGN_OR_RETURN(const bool gone, MarkedSnapshotIsGone());
      if (!gone) return done;
    }
    return Error(ErrorCode::kBusy, "snapshots were forgotten and pruned by others at each try: run it again");
  }

  Result<bool> MarkedSnapshotIsGone() {
    ASSIGN_OR_RETURN(const SnapshotSet now, LoadSnapshotsAndDeleted(repository_, context_, {}));
    std::set<SnapshotId> there;
    for (const LoadedSnapshot* snapshot : Needing(now)) there.insert(snapshot->id);
    return !std::ranges::includes(there, marked_);
  }

  Result<void> Mark() {
    context_.progress.SetPhase("marking what the snapshots need");
    marked_.clear();
    RETURN_IF_ERROR(LoadSet());
    return MarkSet();
  }

  Result<void> MarkSet() {
    needed_ = std::make_unique<IdSorter>(repository_.cache().folder(), context_.limits.memory_bytes / 8);
    BlobReader reader(repository_, *index_, context_, context_.limits.memory_bytes / 8, findings_,
                      BlobReader::Metadata::kOfTheStore);
    const std::vector<const LoadedSnapshot*> all = Needing(set_);
    std::set<SnapshotId> deleted;
    for (const DeletedSnapshot& one : set_.deleted) deleted.insert(one.snapshot.id);
    marked_.clear();
    for (const LoadedSnapshot* snapshot : all) marked_.insert(snapshot->id);
    return MarkReachable(
        context_, reader, all, *needed_,
        [&](const LoadedSnapshot& snapshot, const std::string& path, const Error& error) {
          const bool is_deleted = deleted.contains(snapshot.id);
          return Result<void>(Error(error).While(fmt::format(
              "nothing is removed, for what {}snapshot {} needs below /{} cannot be read (cairn check tells more, {})",
              is_deleted ? "the forgotten " : "", snapshot.id.ToHex(), path,
              is_deleted ? "cairn forget --deleted gives it up" : "cairn repair snapshots mends")));
        });
  }

  Result<void> RefuseMissing(const std::vector<BlobId>& missing) const {
    if (missing.empty()) return {};
    return MakeError(ErrorCode::kCorrupt,
                     "{}{} blobs that snapshots need are in no pack of the index, {} is the first: nothing is removed "
                     "(cairn repair index takes in packs that no segment names, or that were taken out and are there)",
                     missing.size() == 1'000 ? "at least " : "", missing.size(), missing.front().ToHex());
  }

  Result<void> Plan() {
    context_.progress.SetPhase("planning");
    // Hours may have gone by. What is listed in this order is no surprise to what comes after it: who has put a pack
    // is listed as a session or has put its segment, and who takes one away has said so before.
    ASSIGN_OR_RETURN(const std::vector<StoredPack> stored, ListPacks());
    ASSIGN_OR_RETURN(const bool other_maintenance, LookAtSessions(nullptr));
    RETURN_IF_ERROR(SetTombstones());
    RETURN_IF_ERROR(repository_.SyncIndex(*index_, context_));
    ASSIGN_OR_RETURN(usage_, MeasureUsage(context_, *index_, *needed_, young_, options_.least_pack_bytes));
    RETURN_IF_ERROR(SetAges(stored));
    RETURN_IF_ERROR(LookForArchived());
    RETURN_IF_ERROR(RefuseMissing(usage_.missing));
    NoneIsMissing();
    const bool content = repository_.keyring().rights().Has(Rights::kContentKey | Rights::kDataIdKey);
    ASSIGN_OR_RETURN(report_.plan, PlanPrune(usage_.packs, options_, content));
    can_rewrite_data_ = content;
    return CompareWithStore(stored, other_maintenance);
  }

  // By the store's own dates: it is the store that bills. One that tells none bills nothing by them.
  Result<void> SetAges(const std::vector<StoredPack>& stored) {
    if (options_.least_age_seconds == 0) return {};
    ASSIGN_OR_RETURN(const UnixNs now, StoreTime());
    std::set<PackName> young;
    for (const StoredPack& pack : stored) {
      const bool has_age = pack.modified != 0 && now > pack.modified;
      const auto age = has_age ? static_cast<uint64_t>((now - pack.modified) / 1'000'000'000) : 0;
      if (pack.kind == BlobKind::kData && pack.modified != 0 && age < options_.least_age_seconds)
        young.insert(pack.name);
    }
    for (PackPlan& plan : usage_.packs) plan.is_billed_anyway = young.contains(plan.pack.name);
    return {};
  }

  // Of those that might be moved or removed: a request each.
  Result<void> LookForArchived() {
    if (options_.warmer == nullptr) return {};
    std::vector<PackPlan*> asked;
    for (PackPlan& plan : usage_.packs) {
      const bool may_be_small = plan.pack.size < options_.least_pack_bytes;
      const bool may_go = plan.dead_bytes + plan.dead_in_live_frames > 0 || plan.live_frames == 0 || may_be_small;
      if (plan.pack.kind == BlobKind::kData && may_go && !plan.is_young) asked.push_back(&plan);
    }
    return AtOnce(context_, asked.size(), [&](size_t number) -> Result<void> {
      const IndexedPack& pack = asked[number]->pack;
      const auto warmth = options_.warmer->LookAt(PackObjectName(pack.kind, pack.name));
      if (!warmth && warmth.error().code() == ErrorCode::kNotFound) return {};
      RETURN_IF_ERROR(warmth);
      asked[number]->is_archived = *warmth != Warmth::kWarm;
      return {};
    });
  }

  // What is wholly dead, so that a later run can look into it.
  Result<void> AskForDead() {
    if (options_.warmer == nullptr || !options_.warm_up) return {};
    std::vector<ObjectName> names = archived_unindexed_;
    for (const PackPlan& plan : report_.plan.packs) {
      if (plan.is_archived && plan.live_frames == 0) names.push_back(PackObjectName(plan.pack.kind, plan.pack.name));
    }
    std::atomic<uint64_t> asked = 0;
    RETURN_IF_ERROR(AtOnce(context_, names.size(), [&](size_t number) -> Result<void> {
      const auto warmth = options_.warmer->WarmUp(names[number]);
      if (!warmth && warmth.error().code() == ErrorCode::kNotFound) return {};
      RETURN_IF_ERROR(warmth);
      ++asked;
      return {};
    }));
    report_.packs_asked_for = asked;
    return {};
  }

  Result<std::vector<StoredPack>> ListPacks() {
    std::vector<StoredPack> stored;
    for (const BlobKind kind : {BlobKind::kData, BlobKind::kMetadata}) {
      RETURN_IF_ERROR(repository_.store().List(kind == BlobKind::kData ? kDataPrefix : kMetaPrefix,
                                               [&](const ObjectInfo& info) -> Result<void> {
                                                 const ParsedName parsed = ParseObjectName(info.name.text());
                                                 if (parsed.kind == ParsedName::Kind::kPack)
                                                   stored.push_back({kind, parsed.pack, info.size, info.modified});
                                                 return {};
                                               }));
    }
    return stored;
  }

  // Packs that no segment names, and names whose pack is gone.
  Result<void> CompareWithStore(const std::vector<StoredPack>& stored, bool other_maintenance) {
    std::set<PackName> there;
    missing_kinds_.clear();
    archived_unindexed_.clear();
    for (const StoredPack& pack : stored) {
      there.insert(pack.name);
      const bool known = index_->FindPack(pack.name).has_value() || tombstoned_.contains(pack.name);
      if (!known) RETURN_IF_ERROR(JudgeUnindexed(pack, other_maintenance));
    }
    for (const IndexedPack& pack : index_->Packs()) {
      if (there.contains(pack.name) || pack.tombstoned || pack.number >= young_.number_first) continue;
      const auto plan = std::ranges::find(report_.plan.packs, pack.name, [](const PackPlan& p) { return p.pack.name; });
      if (plan != report_.plan.packs.end() && plan->live_frames > 0) {
        return MakeError(ErrorCode::kCorrupt,
                         "pack {} is needed and is not there: nothing is removed (cairn check tells "
                         "what is lost)",
                         pack.name.ToString());
      }
      if (plan != report_.plan.packs.end()) {  // nothing is freed by what is not there
        report_.plan.bytes_before -= pack.size;
        (plan->fate == PackFate::kRemove ? report_.plan.bytes_removed : report_.plan.bytes_after) -= pack.size;
      }
      report_.plan.missing.push_back(pack.name);
      missing_kinds_[pack.name] = pack.kind;
    }
    std::erase_if(report_.plan.packs, [&](const PackPlan& plan) { return missing_kinds_.contains(plan.pack.name); });
    return {};
  }

  Result<void> JudgeUnindexed(const StoredPack& pack, bool other_maintenance) {
    const auto& [kind, name, size, modified] = pack;
    auto opened = ReadDirectory(repository_.store(), repository_.sealer(), kind, name, size);
    if (!opened) {
      const ErrorCode code = opened.error().code();
      if (code == ErrorCode::kNotFound) return {};
      if (SeverityOf(opened.error()) == Finding::Severity::kUnread) return std::move(opened).error();
      if (code == ErrorCode::kArchived) {
        archived_unindexed_.push_back(PackObjectName(kind, name));
        LeaveArchived(name);
        return {};
      }
      // What is not understood is not removed.
      if (findings_) {
        findings_({Finding::Severity::kWarning, code, PackObjectName(kind, name).text(),
                   opened.error().message() + "; it is in no index segment, and is left alone"});
      }
      return {};
    }
    bool of_live_session = other_maintenance;
    for (const PackSession& session : opened->directory.sessions) {
      if (!young_.sessions.contains(session.session)) continue;
      of_live_session = true;
      young_of_.insert(young_texts_.at(session.session));
    }
    auto& target = of_live_session ? report_.plan.unindexed_of_live_sessions : report_.plan.unindexed;
    target.push_back(pack);
    report_.plan.bytes_before += size;
    (of_live_session ? report_.plan.bytes_after : report_.plan.bytes_removed) += size;
    return {};
  }

  void LeaveArchived(const PackName& name) {
    left_archived_.insert(name);
    report_.packs_archived = left_archived_.size();
  }

  // So that nobody wonders why garbage stays.
  Result<void> CountYoung() {
    for (const PackPlan& plan : report_.plan.packs) {
      if (!plan.is_young || plan.dead_bytes + plan.dead_in_live_frames == 0) continue;
      ++report_.packs_young;
      report_.bytes_young += plan.dead_bytes + plan.dead_in_live_frames;
      ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index_->Frames(plan.pack.number));
      for (const IndexedFrame& frame : frames) {
        const auto session = young_texts_.find(frame.session.session);
        if (session != young_texts_.end()) young_of_.insert(session->second);
      }
    }
    for (const StoredPack& pack : report_.plan.unindexed_of_live_sessions) {
      ++report_.packs_young;
      report_.bytes_young += pack.size;
    }
    report_.young_of.assign(young_of_.begin(), young_of_.end());
    return {};
  }

  std::vector<StoredPack> Victims(PackFate fate) const {
    std::vector<StoredPack> victims;
    for (const PackPlan& plan : report_.plan.packs) {
      if (plan.fate == fate) victims.push_back({plan.pack.kind, plan.pack.name, plan.pack.size, 0});
    }
    return victims;
  }

  // Moves what is live to new packs; gives back the packs of which everything was moved.
  Result<std::vector<StoredPack>> Repack(const std::vector<StoredPack>& victims) {
    context_.progress.SetPhase("repacking");
    // From here on what is in them counts as absent for this session's own look-ups.
    std::vector<PackName> absent(tombstoned_.begin(), tombstoned_.end());
    for (const StoredPack& victim : victims) absent.push_back(victim.name);
    index_->SetTombstones(absent);
    Repacker repacker(context_, repository_, *index_, *session_, usage_, can_rewrite_data_, findings_);
    std::vector<StoredPack> moved;
    for (const StoredPack& victim : victims) {
      ASSIGN_OR_RETURN(const bool whole, repacker.Move(victim.kind, victim.name));
      if (whole) moved.push_back(victim);
    }
    RETURN_IF_ERROR(repacker.Finish());
    return moved;
  }

  // --- steps 2 and 3 ---

  Result<void> PutTombstones(const std::vector<StoredPack>& victims) {
    context_.progress.SetPhase("putting tombstones");
    for (const StoredPack& victim : victims) sizes_[victim.name] = victim.size;
    return AtOnce(context_, victims.size(), [&](size_t number) {
      return session_->protocol().PutTombstone(victims[number].name, victims[number].kind, session_->id());
    });
  }

  Result<void> SetTombstones() {
    Protocol protocol(repository_, context_, findings_);
    ASSIGN_OR_RETURN(tombstones_, protocol.ListTombstones());
    tombstoned_.clear();
    for (const TombstoneSeen& tombstone : tombstones_) tombstoned_.insert(tombstone.pack);
    index_->SetTombstones({tombstoned_.begin(), tombstoned_.end()});
    return {};
  }

  // Steps 3 to 5 for every tombstone that is there, of this run and of earlier ones.
  Result<void> FinishTombstones() {
    RETURN_IF_ERROR(SetTombstones());
    RETURN_IF_ERROR(FindKindsOfDamaged());
    context_.progress.SetPhase("looking at sessions");
    SessionWatch watch(context_, repository_, session_->protocol(), session_->id(), options_.quiet_session_ns);
    if (tombstones_.empty()) return watch.RemoveFinishedSeenLists();
    ASSIGN_OR_RETURN(const WatchReport watched, watch.FinishedRuns(tombstones_));
    has_put_list_ = has_put_list_ || watch.has_put_list();
    report_.sessions_fenced += watched.fenced;
    report_.sessions_ended += watched.ended;
    report_.waiting_for = watched.waiting_for;
    std::vector<TombstoneSeen> ready;
    report_.packs_waiting = report_.bytes_waiting = 0;
    report_.tombstones_unknown.clear();
    for (const TombstoneSeen& tombstone : tombstones_) {
      if (tombstone.run.IsZero()) {
        report_.tombstones_unknown.push_back(TombstoneName(tombstone.pack).text());
      } else if (watched.finished.contains(tombstone.run)) {
        ready.push_back(tombstone);
      } else {
        ++report_.packs_waiting;
        report_.bytes_waiting += SizeOf(tombstone.pack);
      }
    }
    if (!ready.empty()) {
      ASSIGN_OR_RETURN(const std::set<PackName> stuck, Rescue());
      report_.packs_damaged =
          static_cast<uint64_t>(std::erase_if(ready, [&](const auto& one) { return stuck.contains(one.pack); }));
      RETURN_IF_ERROR(Remove(ready));
    }
    return watch.RemoveFinishedSeenLists();
  }

  // For who puts them again.
  Result<void> FindKindsOfDamaged() {
    for (TombstoneSeen& tombstone : tombstones_) {
      if (!tombstone.is_damaged) continue;
      if (const auto pack = index_->FindPack(tombstone.pack)) {
        tombstone.kind = pack->kind;
        continue;
      }
      const auto there = repository_.store().Stat(PackObjectName(BlobKind::kMetadata, tombstone.pack));
      if (!there && there.error().code() != ErrorCode::kNotFound) return there.error();
      tombstone.kind = there ? BlobKind::kMetadata : BlobKind::kData;
    }
    return {};
  }

  uint64_t SizeOf(const PackName& name) const {
    if (const auto found = sizes_.find(name); found != sizes_.end()) return found->second;
    const auto pack = index_->FindPack(name);
    return pack ? pack->size : 0;
  }

  // --- step 4 ---

  // Gives back the packs that hold what is needed and does not read: they stay.
  Result<std::set<PackName>> Rescue() {
    context_.progress.SetPhase("looking again before removal");
    FrameRescue rescue(context_, repository_, *index_, *session_, findings_);
    for (int attempt = 0; attempt < kRescueTriesMax; ++attempt) {
      // ListSnapshots, ListTombstones, ListSegments: in this order, afresh.
      RETURN_IF_ERROR(LoadSet());
      RETURN_IF_ERROR(SetTombstones());
      RETURN_IF_ERROR(repository_.SyncIndex(*index_, context_));
      const auto need = FindNeed();
      if (!need) {
        if (!IsLoss(need.error().code())) return need.error();
        ASSIGN_OR_RETURN(const bool gone, MarkedSnapshotIsGone());
        if (!gone) return need.error();
        continue;
      }
      const uint64_t rescued_before = rescue.blobs_rescued();
      ASSIGN_OR_RETURN(const bool all, rescue.Move(*need));
      RETURN_IF_ERROR(session_->Flush());
      NoneIsMissing();
      report_.blobs_rescued += rescue.blobs_rescued() - rescued_before;
      if (all) return rescue.stuck();
    }
    return Error(ErrorCode::kBusy, "others removed what was to be rescued each time: nothing is removed by this run");
  }

  Result<RescueNeed> FindNeed() {
    const std::vector<const LoadedSnapshot*> all = Needing(set_);
    const bool all_marked =
        std::ranges::all_of(all, [&](const LoadedSnapshot* snapshot) { return marked_.contains(snapshot->id); });
    const OwnFrames own{session_->id(), session_->PacksPut()};
    if (all_marked && marked_.size() == all.size() && std::ranges::includes(NumbersOfPacks(), none_missing_in_)) {
      return FindRescueInPacks(context_, *index_, *needed_, own);
    }
    if (!all_marked || marked_.size() != all.size()) RETURN_IF_ERROR(MarkSet());
    ASSIGN_OR_RETURN(RescueNeed need, FindRescue(context_, *index_, *needed_, own));
    RETURN_IF_ERROR(RefuseMissing(need.missing));
    return need;
  }

  // Ascending. What a number stands for never changes: an entry that does comes back under another.
  std::vector<uint32_t> NumbersOfPacks() {
    std::vector<uint32_t> numbers;
    for (const IndexedPack& pack : index_->Packs()) numbers.push_back(pack.number);
    std::ranges::sort(numbers);
    return numbers;
  }

  // Each blob of needed_ is in one of the packs of the index, so it is as long as these are.
  void NoneIsMissing() { none_missing_in_ = NumbersOfPacks(); }

  // --- step 5 ---

  Result<void> Remove(const std::vector<TombstoneSeen>& candidates) {
    for (const TombstoneSeen& tombstone : candidates) sizes_.emplace(tombstone.pack, SizeOf(tombstone.pack));
    PackRemover remover(context_, repository_, *index_, findings_);
    ASSIGN_OR_RETURN(const std::vector<TombstoneSeen> ready, remover.ThoseThatMayGo(candidates, sizes_));
    for (const PackName& name : remover.archived()) LeaveArchived(name);
    if (ready.empty()) return {};
    std::unordered_set<uint32_t> going;  // Rescue() has seen to what is needed of them
    for (const TombstoneSeen& tombstone : ready) {
      if (const auto pack = index_->FindPack(tombstone.pack)) going.insert(pack->number);
    }
    auto removed = remover.Remove(session_->protocol(), ready);
    report_.packs_removed += remover.removed().size();
    for (const PackName& name : remover.removed()) report_.bytes_removed += sizes_.at(name);
    RETURN_IF_ERROR(removed);
    if (!refused_) refused_ = remover.refused();
    std::erase_if(none_missing_in_, [&](uint32_t number) { return going.contains(number); });
    RETURN_IF_ERROR(SetTombstones());
    return repository_.SyncIndex(*index_, context_);
  }

  const JobContext& context_;
  Repository& repository_;
  const PruneOptions options_;
  const FindingSink findings_;
  PruneReport report_;
  std::unique_ptr<Index> index_;
  std::unique_ptr<WriteSession> session_;
  SnapshotSet set_;
  std::set<SnapshotId> marked_;
  std::unique_ptr<IdSorter> needed_;
  PackUsage usage_;
  std::vector<uint32_t> none_missing_in_;  // numbers of packs, ascending
  bool can_rewrite_data_ = false;
  std::vector<TombstoneSeen> tombstones_;
  std::set<PackName> tombstoned_;
  std::map<PackName, BlobKind> missing_kinds_;
  std::vector<ObjectName> archived_unindexed_;
  std::set<PackName> left_archived_;
  std::map<PackName, uint64_t> sizes_;
  bool has_put_list_ = false;     // of the session
  std::optional<Error> refused_;  // of a pack that the store does not let go: told when all else is done
  YoungPacks young_;
  std::map<SessionId, std::string> young_texts_;
  std::set<std::string> young_of_;
  std::set<SessionId> settled_, resumable_;
  std::vector<PackName> removed_at_begin_;
  std::vector<SessionId> sessions_at_begin_;
};

}  // namespace

Result<PruneReport> RunPrune(const JobContext& context, Repository& repository, const PruneOptions& options,
                             FindingSink findings) {
  return PruneRun(context, repository, options, std::move(findings)).Run();
}

}  // namespace cairn
