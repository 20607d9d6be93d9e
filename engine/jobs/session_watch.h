// Which sessions a pruner must still wait for. SPEC section 13.4, step 3.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/repo/protocol.h"

namespace cairn {

struct WatchReport {
  std::set<SessionId> finished;          // runs whose seen sessions have all committed, ended, or been fenced
  std::vector<std::string> waiting_for;  // for people
  uint64_t fenced = 0, ended = 0;
};

// One run's look at the sessions. One thread at a time.
class SessionWatch {
 public:
  SessionWatch(const JobContext& context, Repository& repository, Protocol& protocol, const SessionId& self,
               int64_t quiet_ns);
  // `tombstones` were listed after this run put the last of its own. Those of runs that have ended without a seen list
  // are taken over: put again in the name of this run. Then this run's seen list is put, once, and of each session on
  // the lists it is asked whether it is resolved; one that is proved dead, or has been quiet for long enough, is fenced
  // and ended.
  Result<WatchReport> FinishedRuns(std::vector<TombstoneSeen>& tombstones);
  bool has_put_list() const { return ListOf(self_) != nullptr; }
  // Sessions of maintenance on this machine whose process is dead, and ends of sessions that could not remove
  // themselves: they are cleared away.
  Result<uint64_t> EndDead();
  // After the removal: seen lists none of whose runs has a tombstone any more.
  Result<void> RemoveFinishedSeenLists();

 private:
  Result<void> ListSessions();
  Result<void> TakeOver(std::vector<TombstoneSeen>& tombstones, WatchReport& report);
  Result<void> PutOwnList();
  const SeenList* ListOf(const SessionId& run) const;
  Result<bool> IsResolved(const SessionId& session, WatchReport& report);
  bool IsQuiet(const SessionSeen& seen);

  const JobContext& context_;
  Repository& repository_;
  Protocol& protocol_;
  const SessionId self_;
  const int64_t quiet_ns_;
  std::vector<SeenList> lists_;
  std::map<SessionId, SessionSeen> live_;
  std::map<SessionId, bool> resolved_;
};

}  // namespace cairn
