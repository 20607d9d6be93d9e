// Databases of a server, made, renamed and dropped: what a restore does beside the database that is in use.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/env/clock.h"
#include "frontends/postgres/connection.h"
#include "frontends/postgres/description.h"

namespace cairn::postgres {

// What a restore leaves beside, told by the database's comment: "[cairn: run 3fa2b1c0, before, of app, until
// 2026-...]", in front of the comment that it had.
struct KeptDatabase {
  enum class Role { kIncomplete, kBefore, kUndone };
  std::string name, run, of;
  Role role = Role::kIncomplete;
  std::string until;    // UTC, as the server compares it; of kIncomplete empty
  std::string comment;  // the database's own
  bool is_expired = false;
  bool is_in_work = false;  // a restore is at it

  std::string Comment() const;  // with the mark
  static std::optional<KeptDatabase> Parse(const std::string& name, const std::string& comment);
};
std::string_view Name(KeptDatabase::Role role);

struct ServerSession {
  int process = 0;
  std::string user, application, address;
};

// Through a session with another database than those in question. One thread at a time.
class Server {
 public:
  // `run` names a restore's sessions, by which others see that it goes on; empty: none. Waiter and clock outlive it.
  static Result<std::unique_ptr<Server>> Open(const Address& address, const std::string& run,
                                              const stream::Waiter& waiter, const Clock& clock, std::stop_token stop);
  Connection& connection() { return *connection_; }

  Result<bool> Exists(const std::string& database);
  Result<std::vector<ServerSession>> SessionsOf(const std::string& database);
  Result<bool> MayCreate();
  // Of a session of ours that was let go. kBusy after half a minute.
  Result<void> WaitForEnd(int process);
  // Empty, from template0, with encoding and locale of `properties`; marked.
  Result<void> Create(const KeptDatabase& mark, const DatabaseProperties& properties);
  // Owner, grants, settings, limit; `with_owner`: else it stays its maker's, and grants are left out.
  Result<void> Apply(const std::string& database, const DatabaseProperties& properties, bool with_owner);
  // Also where somebody uses it: it is ours. Success where it is not there.
  Result<void> Drop(const std::string& database);

  struct Swapping {
    std::chrono::seconds session_patience{30};
    bool disconnects = false;  // ends others' sessions
  };
  // In one transaction: `live` becomes `kept.name`, marked so in front of its
  // comment, and `fresh` becomes `live`, with this comment. No session
  // can begin meanwhile. `live` may be absent: then `fresh` is renamed alone. kBusy names the sessions that do not end;
  // an Error means that nothing has changed.
  Result<void> Swap(const std::string& live, const std::string& fresh, const std::optional<std::string>& comment,
                    KeptDatabase kept, const Swapping& how);
  // Marked ones; and those without a mark that have a restore's name and nothing in them: it was killed in between.
  Result<std::vector<KeptDatabase>> ListKept();
  // "2026-11-23T10:00:00Z", so long from now by the server's clock.
  Result<std::string> TimeFromNow(std::chrono::hours span);

 private:
  Server(const Address& address, const stream::Waiter& waiter, const Clock& clock, std::stop_token stop)
      : address_(address), waiter_(waiter), clock_(clock), stop_(std::move(stop)) {}
  Result<void> WaitForSessions(const std::string& database, std::chrono::nanoseconds end, const Swapping& how);
  Result<bool> IsInWork(const std::string& run);
  Result<std::vector<KeptDatabase>> ListUnmarked();
  Result<void> TrySwap(const std::string& statement, const std::string& live, bool disconnects);

  const Address address_;
  const stream::Waiter& waiter_;
  const Clock& clock_;
  const std::stop_token stop_;
  std::unique_ptr<Connection> connection_;
};

// `base`_`suffix`, base cut so that the server does not cut the whole (63 bytes), and not inside of a character.
std::string DatabaseNameWith(const std::string& base, const std::string& suffix);

}  // namespace cairn::postgres
