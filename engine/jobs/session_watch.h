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
  // Sees to it that every run of these tombstones has a seen list, and asks of each session on these lists whether it
  // is resolved. A session that is proved dead, or has been quiet for long enough, is fenced and ended.
  Result<WatchReport> FinishedRuns(const std::vector<TombstoneSeen>& tombstones);
  // After the removal: seen lists none of whose runs has a tombstone any more.
  Result<void> RemoveFinishedSeenLists();

 private:
  Result<void> CoverRuns(const std::set<SessionId>& runs);
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
