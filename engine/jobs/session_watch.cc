#include "engine/jobs/session_watch.h"

#include <algorithm>

#include "engine/crypto/hash.h"

namespace cairn {

std::string SessionText(const SessionSeen& seen) {
  std::string text = "session " + seen.id.ToHex();
  if (seen.record) {
    text += fmt::format(" of host {}, process {}", ToString(seen.record->host), seen.record->process);
  }
  return text;
}

SessionWatch::SessionWatch(const JobContext& context, Repository& repository, Protocol& protocol, const SessionId& self,
                           int64_t quiet_ns)
    : context_(context), repository_(repository), protocol_(protocol), self_(self), quiet_ns_(quiet_ns) {}

Result<WatchReport> SessionWatch::FinishedRuns(std::vector<TombstoneSeen>& tombstones) {
  WatchReport report;
  ASSIGN_OR_RETURN(lists_, protocol_.ListSeenLists());
  RETURN_IF_ERROR(ListSessions());
  RETURN_IF_ERROR(TakeOver(tombstones, report));
  std::set<SessionId> runs;
  for (const TombstoneSeen& tombstone : tombstones) {
    // Zero: one that this program or this run's config does not know; it stays.
    if (!tombstone.run.IsZero()) runs.insert(tombstone.run);
  }
  if (runs.contains(self_)) RETURN_IF_ERROR(PutOwnList());
  for (const SessionId& run : runs) {
    const SeenList* list = ListOf(run);
    if (list == nullptr) continue;  // it still runs
    bool all = true;
    for (const SessionId& session : list->record.sessions) {
      ASSIGN_OR_RETURN(const bool resolved, IsResolved(session, report));
      all = all && resolved;
    }
    if (all) report.finished.insert(run);
  }
  return report;
}

// A run's own list, and no other: only that run knows that it had put all of its tombstones before the list was begun.
const SeenList* SessionWatch::ListOf(const SessionId& run) const {
  const auto found = std::ranges::find(lists_, run, &SeenList::pruner);
  if (found == lists_.end() || !std::ranges::binary_search(found->record.runs, run)) return nullptr;
  return &*found;
}

Result<void> SessionWatch::ListSessions() {
  ASSIGN_OR_RETURN(const std::vector<SessionSeen> sessions, protocol_.ListSessions());
  live_.clear();
  for (const SessionSeen& seen : sessions) live_.emplace(seen.id, seen);
  return {};
}

// To put a tombstone where one stands takes nothing back, whoever else is at work on it: a list that is made afterwards
// covers it all the same. So it need not be proved that the other run is dead.
Result<void> SessionWatch::TakeOver(std::vector<TombstoneSeen>& tombstones, WatchReport& report) {
  std::map<SessionId, bool> ended;
  for (TombstoneSeen& tombstone : tombstones) {
    if (tombstone.run.IsZero() ? !tombstone.is_damaged : tombstone.run == self_ || ListOf(tombstone.run) != nullptr) {
      continue;
    }
    const auto [place, is_new] = ended.try_emplace(tombstone.run, tombstone.is_damaged);
    if (is_new && !tombstone.is_damaged) {
      const auto found = live_.find(tombstone.run);
      place->second = found == live_.end() || found->second.ended || IsQuiet(found->second);
      if (!place->second) report.waiting_for.push_back("the prune of " + SessionText(found->second));
    }
    if (!place->second) continue;
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    RETURN_IF_ERROR(protocol_.PutTombstone(tombstone.pack, tombstone.kind, self_));
    tombstone.run = self_;
    tombstone.is_damaged = false;
  }
  return {};
}

// Sessions are listed after the tombstones were put: these are all that may rely on the packs.
Result<void> SessionWatch::PutOwnList() {
  CHECK(ListOf(self_) == nullptr);  // tombstones that are put after a list need another session, with a list of its own
  RETURN_IF_ERROR(ListSessions());
  SeenList list{.pruner = self_, .record = {.runs = {self_}, .sessions = {}, .time = {}, .unknown = {}}};
  for (const auto& [id, seen] : live_) {
    const bool maintenance = seen.record && seen.record->purpose == SessionPurpose::kMaintenance;
    if (id != self_ && !seen.ended && !maintenance) list.record.sessions.push_back(id);
  }
  RETURN_IF_ERROR(protocol_.PutSeenList(self_, list.record.runs, list.record.sessions));
  lists_.push_back(std::move(list));
  return {};
}

Result<void> SessionWatch::End(const SessionId& session, bool is_dead) {
  RETURN_IF_ERROR(protocol_.EndSession(session));
  if (is_dead) repository_.cache().ForgetDead(session);
  return {};
}

Result<ClearReport> SessionWatch::ClearAway() {
  ClearReport report;
  // Proved dead by its lock, which is held until this is done.
  const std::vector<LocalCache::DeadSession> dead = repository_.cache().DeadSessions();
  RETURN_IF_ERROR(ListSessions());
  for (const auto& [id, seen] : live_) {
    if (id == self_) continue;
    const bool is_dead = std::ranges::find(dead, id, &LocalCache::DeadSession::id) != dead.end();
    const bool maintenance = seen.record && seen.record->purpose == SessionPurpose::kMaintenance;
    if (seen.ended || (is_dead && maintenance)) {
      RETURN_IF_ERROR(End(id, is_dead));
      ++report.ended;
      continue;
    }
    const bool quiet = IsQuiet(seen);
    auto looked = protocol_.LookAtSlot(id);
    if (!looked && IsLoss(looked.error().code())) continue;  // who loads the snapshots tells it, and stops
    ASSIGN_OR_RETURN(SnapshotSlot slot, std::move(looked));
    if (slot == SnapshotSlot::kEmpty && quiet) {
      ASSIGN_OR_RETURN(slot, protocol_.Fence(id, self_));
      ++report.fenced;
    }
    if (is_dead && (quiet || slot == SnapshotSlot::kSnapshot)) {
      RETURN_IF_ERROR(End(id, true));
      ++report.ended;
    } else if (is_dead) {
      report.resumable.insert(id);
    } else if (quiet) {
      report.unproved.push_back(SessionText(seen));
    }
  }
  return report;
}

Result<bool> SessionWatch::IsResolved(const SessionId& session, WatchReport& report) {
  if (const auto known = resolved_.find(session); known != resolved_.end()) return known->second;
  const auto resolve = [&](bool value) {
    resolved_[session] = value;
    return value;
  };
  const auto found = live_.find(session);
  if (found == live_.end() || found->second.ended) return resolve(true);
  ASSIGN_OR_RETURN(SnapshotSlot slot, protocol_.LookAtSlot(session));
  // Held until this is done: nobody begins a session of that id meanwhile.
  const std::vector<LocalCache::DeadSession> dead = repository_.cache().DeadSessions();
  const bool proved_dead = std::ranges::find(dead, session, &LocalCache::DeadSession::id) != dead.end();
  if (slot == SnapshotSlot::kEmpty) {
    if (!proved_dead && !IsQuiet(found->second)) {
      report.waiting_for.push_back(SessionText(found->second));
      return resolve(false);
    }
    ASSIGN_OR_RETURN(slot, protocol_.Fence(session, self_));
    ++report.fenced;
  }
  // Its name is filled, and its process is dead or will learn of the fence. Until it is quiet too, the next backup of
  // this machine may take up the packs that it put.
  if (proved_dead && (slot == SnapshotSlot::kSnapshot || IsQuiet(found->second))) {
    RETURN_IF_ERROR(End(session, true));
    ++report.ended;
  }
  return resolve(slot != SnapshotSlot::kEmpty);
}

// By this machine's clock, over all its prunes: has it shown the same signs for so long?
bool SessionWatch::IsQuiet(const SessionSeen& seen) {
  WireWriter signs;
  signs.U32(seen.signs_of_life);
  signs.U8(seen.ended ? 1 : 0);
  const Digest now = Sha256(signs.bytes());
  LocalCache::Remembered remembered = repository_.cache().Load();
  const auto known = std::ranges::find(remembered.quiet, seen.id, &LocalCache::Remembered::QuietSession::session);
  const UnixNs time = context_.clock.Now();
  if (known != remembered.quiet.end() && known->signs == now && time >= known->since) {
    return time - known->since >= quiet_ns_;
  }
  if (known != remembered.quiet.end()) {
    known->signs = now;
    known->since = time;  // also where the clock was set back
  } else {
    std::erase_if(remembered.quiet, [&](const auto& quiet) { return !live_.contains(quiet.session); });
    remembered.quiet.push_back({seen.id, now, time});
    std::ranges::sort(remembered.quiet, {}, &LocalCache::Remembered::QuietSession::session);
  }
  IgnoreError(repository_.cache().Store(remembered), "advisory: the next prune begins to watch");
  return quiet_ns_ == 0;
}

Result<void> SessionWatch::RemoveFinishedSeenLists() {
  // The lists first: of a list that is seen all tombstones have been put.
  ASSIGN_OR_RETURN(lists_, protocol_.ListSeenLists());
  ASSIGN_OR_RETURN(const std::vector<TombstoneSeen> tombstones, protocol_.ListTombstones());
  std::set<SessionId> open;
  for (const TombstoneSeen& tombstone : tombstones) open.insert(tombstone.run);
  for (const SeenList& list : lists_) {
    const bool needed = std::ranges::any_of(list.record.runs, [&](const SessionId& run) { return open.contains(run); });
    if (!needed) RETURN_IF_ERROR(protocol_.RemoveSeenList(list.pruner));
  }
  return {};
}

}  // namespace cairn
