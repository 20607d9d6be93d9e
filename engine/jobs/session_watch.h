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

struct ClearReport {
  uint64_t fenced = 0, ended = 0;
  // Died on this machine, and not long ago: the next backup of it may take up the packs that they put.
  std::set<SessionId> resumable;
  // Quiet, and their snapshot names are filled, but nothing proves that they are dead: for people.
  std::vector<std::string> unproved;
};

// "session 3fa2... of host x, process 12"
std::string SessionText(const SessionSeen& seen);

// One run's look at the sessions. One thread at a time.
class SessionWatch {
 public:
  SessionWatch(const JobContext& context, Repository& repository, Protocol& protocol, const SessionId& self,
               int64_t quiet_ns);
  // `tombstones` were listed after this run put the last of its own. Those of runs that have ended without a seen list
  // are taken over: put again in the name of this run; so are those that are damaged, whose `kind` the caller has set.
  // Then this run's seen list is put, once, and of each session on the lists it is asked whether it is resolved; one
  // that is proved dead, or has been quiet for long enough, is fenced.
  Result<WatchReport> FinishedRuns(std::vector<TombstoneSeen>& tombstones);
  bool has_put_list() const { return ListOf(self_) != nullptr; }
  // Looks at every session, whether there are tombstones or not. Fences those that are quiet, of whatever purpose. Ends
  // what has put its own end and could not remove itself, sessions of maintenance whose process on this machine is
  // dead, and such sessions of backups when they are quiet, or have committed. What only a clock takes for dead is
  // never ended: it may wake up, and its fence, and the names of removed packs, must be there then.
  Result<ClearReport> ClearAway();
  // Seen lists none of whose runs has a tombstone any more.
  Result<void> RemoveFinishedSeenLists();

 private:
  Result<void> ListSessions();
  Result<void> End(const SessionId& session, bool is_dead);
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
