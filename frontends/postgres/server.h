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
#include "frontends/postgres/kept_database.h"

namespace cairn::postgres {

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
  // The database, or acts for who does.
  Result<bool> Owns(const std::string& database);
  // Of a session of ours that was let go. kBusy after half a minute.
  Result<void> WaitForEnd(int process);
  // Empty, from template0, with encoding and locale of `properties`; marked. `tablespace` empty: the server's default.
  Result<void> Create(const KeptDatabase& mark, const DatabaseProperties& properties, const std::string& tablespace);
  // Of a new database: nobody is connected, nor connects, but its owner and superusers; and all again, as to any.
  Result<void> KeepOut(const std::string& database);
  Result<void> LetIn(const std::string& database);
  // Owner, grants, settings, limit; `with_owner`: else it stays its maker's, and grants are left out.
  Result<void> Apply(const std::string& database, const DatabaseProperties& properties, bool with_owner);
  // Success where it is not there. `is_forced`: also where somebody uses it.
  Result<void> Drop(const std::string& database, bool is_forced);
  // Its number, by which it is known whatever its name; empty: it is not there.
  Result<std::string> OidOf(const std::string& database);

  struct Swapping {
    std::chrono::seconds session_patience{30};
    bool disconnects = false;  // ends others' sessions
  };
  // In one transaction: `live`, which must still be the one with the number `expected`, becomes `kept.name`, marked so
  // in front of its comment, and `fresh` becomes `live`, with this comment. No session can begin meanwhile. `expected`
  // empty: there must be no `live`, and `fresh` is renamed alone; `fresh` empty: `live` is. kBusy names the sessions
  // that do not end. An Error means that nothing has changed, or says that this is not known.
  Result<void> Swap(const std::string& live, const std::string& expected, const std::string& fresh,
                    const std::optional<std::string>& comment, KeptDatabase kept, const Swapping& how);
  // Marked ones that have their name; and those without a mark that have a restore's name, nothing in them and no
  // session: it was killed in between.
  Result<std::vector<KeptDatabase>> ListKept();
  // False: after Swap it is not known whether it was done.
  bool is_outcome_known() const { return is_outcome_known_; }
  // "2026-11-23T10:00:00Z", so long from now by the server's clock.
  Result<std::string> TimeFromNow(std::chrono::hours span);

 private:
  Server(const Address& address, const stream::Waiter& waiter, const Clock& clock, std::stop_token stop)
      : address_(address), waiter_(waiter), clock_(clock), stop_(std::move(stop)) {}
  Result<void> WaitForSessions(const std::string& database, std::chrono::nanoseconds end, const Swapping& how);
  Result<bool> IsInWork(const std::string& run);
  Result<std::vector<KeptDatabase>> ListUnmarked();
  Result<void> TrySwap(const std::string& statement, const std::string& live, const std::string& fresh,
                       bool disconnects);
  static Error OtherDatabase(const std::string& live, const std::string& expected, const std::string& now);
  Result<void> SettleSwap(const std::string& oid, const std::string& live, const Error& error);
  Result<std::string> Settle(const std::string& oid, const stream::Waiter& waiter);

  const Address address_;
  const stream::Waiter& waiter_;
  const Clock& clock_;
  const std::stop_token stop_;
  std::unique_ptr<Connection> connection_;
  bool is_outcome_known_ = true;  // of Swap
};

}  // namespace cairn::postgres
