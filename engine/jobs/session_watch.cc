#include "engine/jobs/session_watch.h"

#include <algorithm>

#include "engine/crypto/hash.h"

namespace cairn {

SessionWatch::SessionWatch(const JobContext& context, Repository& repository, Protocol& protocol, const SessionId& self,
                           int64_t quiet_ns)
    : context_(context), repository_(repository), protocol_(protocol), self_(self), quiet_ns_(quiet_ns) {}

Result<WatchReport> SessionWatch::FinishedRuns(const std::vector<TombstoneSeen>& tombstones) {
  std::set<SessionId> runs;
  for (const TombstoneSeen& tombstone : tombstones) {
    if (!tombstone.run.IsZero()) runs.insert(tombstone.run);  // zero: a tombstone that could not be read; it stays
  }
  RETURN_IF_ERROR(CoverRuns(runs));
  WatchReport report;
  for (const SessionId& run : runs) {
    bool finished = false;
    for (const SeenList& list : lists_) {
      if (finished || !std::ranges::binary_search(list.record.runs, run)) continue;
      bool all = true;
      for (const SessionId& session : list.record.sessions) {
        ASSIGN_OR_RETURN(const bool resolved, IsResolved(session, report));
        all = all && resolved;
      }
      finished = all;
    }
    if (finished) report.finished.insert(run);
  }
  return report;
}

// Sessions are listed after the tombstones were put: these are all that may rely on the packs.
Result<void> SessionWatch::CoverRuns(const std::set<SessionId>& runs) {
  ASSIGN_OR_RETURN(lists_, protocol_.ListSeenLists());
  std::vector<SessionId> uncovered;
  for (const SessionId& run : runs) {
    // This run may have put more tombstones since its list: they need sessions that were listed after them.
    const bool covered = run != self_ && std::ranges::any_of(lists_, [&](const SeenList& list) {
                           return std::ranges::binary_search(list.record.runs, run);
                         });
    if (!covered) uncovered.push_back(run);
  }
  ASSIGN_OR_RETURN(const std::vector<SessionSeen> sessions, protocol_.ListSessions());
  live_.clear();
  for (const SessionSeen& seen : sessions) live_.emplace(seen.id, seen);
  if (uncovered.empty()) return {};
  std::vector<SessionId> seen_writers;
  for (const SessionSeen& seen : sessions) {
    if (seen.id == self_ || seen.ended) continue;
    const bool maintenance = seen.record && seen.record->purpose == SessionPurpose::kMaintenance;
    if (!maintenance) seen_writers.push_back(seen.id);
  }
  // A name is used once: the list of a second round covers the first one's sessions too, and replaces nothing.
  std::erase_if(lists_, [&](const SeenList& list) { return list.pruner == self_; });
  SeenList list{.pruner = self_, .record = {.runs = uncovered, .sessions = seen_writers, .time = {}, .unknown = {}}};
  std::ranges::sort(list.record.runs);
  std::ranges::sort(list.record.sessions);
  RETURN_IF_ERROR(protocol_.PutSeenList(self_, uncovered, seen_writers));
  lists_.push_back(std::move(list));
  return {};
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
  const std::vector<SessionId> dead = repository_.cache().DeadSessions();
  const bool proved_dead = std::ranges::find(dead, session) != dead.end();
  if (slot == SnapshotSlot::kEmpty) {
    if (!proved_dead && !IsQuiet(found->second)) {
      const SessionSeen& seen = found->second;
      std::string text = "session " + session.ToHex();
      if (seen.record) {
        text += fmt::format(" of host {}, process {}", ToString(seen.record->host), seen.record->process);
      }
      report.waiting_for.push_back(std::move(text));
      return resolve(false);
    }
    ASSIGN_OR_RETURN(slot, protocol_.Fence(session, self_));
    ++report.fenced;
  }
  if (proved_dead || slot == SnapshotSlot::kFence) {
    // Its name is filled, and its process is dead or will learn of the fence: its object is of no more use when dead.
    if (proved_dead) {
      RETURN_IF_ERROR(protocol_.EndSession(session));
      repository_.cache().ForgetDead(session);
      ++report.ended;
    }
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
  if (known != remembered.quiet.end() && known->signs == now) {
    return time - known->since >= quiet_ns_;
  }
  if (known != remembered.quiet.end()) {
    known->signs = now;
    known->since = time;
  } else {
    std::erase_if(remembered.quiet, [&](const auto& quiet) { return !live_.contains(quiet.session); });
    remembered.quiet.push_back({seen.id, now, time});
    std::ranges::sort(remembered.quiet, {}, &LocalCache::Remembered::QuietSession::session);
  }
  IgnoreError(repository_.cache().Store(remembered), "advisory: the next prune begins to watch");
  return quiet_ns_ == 0;
}

Result<void> SessionWatch::RemoveFinishedSeenLists() {
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
