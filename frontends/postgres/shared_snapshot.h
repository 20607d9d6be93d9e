// One state of a database, seen by several sessions.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "engine/env/clock.h"
#include "frontends/postgres/catalog.h"

namespace cairn::postgres {

// Which tables, by name. A pattern is one of the shell's (* ? [abc]) for `schema.table`, or, without a dot, for a
// table's name in any schema. What is said of a partitioned table holds for its partitions.
struct TableChoice {
  std::vector<std::string> chosen, excluded;
  std::vector<TableName> names;  // these, and no others
  bool is_all() const { return chosen.empty() && excluded.empty() && names.empty(); }
  bool is_chosen() const { return !chosen.empty() || !names.empty(); }
  bool Takes(const TableName& name, const std::optional<TableName>& partition_of) const;
  // kNotFound where one chooses nothing.
  Result<void> NeedMatches(const std::vector<TableListing>& tables) const;
};

// Settings of a session on which the text of rows depends, or that would hide some, or end it; for the transaction.
std::string ReadingSettings(const Connection& connection);

// The leader holds the snapshot and a lock on each table, so that none is emptied or changed in shape meanwhile; the
// others see the same state. SQL locks first and takes the snapshot then: what is truncated between the two would be
// empty in it (PostgreSQL's TRUNCATE is not of any snapshot). Many threads.
class SharedSnapshot {
 public:
  struct Options {
    Address address;
    TableChoice choice;
    bool needs_rows = true;
    unsigned sessions = 2;
    std::chrono::seconds lock_patience{60};
  };
  // kPermission names the tables that this role may not read, or not all rows of; kBusy who holds a lock.
  // `waiter` and `clock` outlive it.
  static Result<std::unique_ptr<SharedSnapshot>> Open(const Options& options, const stream::Waiter& waiter,
                                                      const Clock& clock, std::stop_token stop);

  const std::vector<TableListing>& tables() const { return tables_; }  // the chosen ones
  const std::string& id() const { return id_; }                        // pg_export_snapshot's

  // A session, until it goes: `leader` for what is asked now and then, else one of the others.
  class Loan {
   public:
    Loan(SharedSnapshot& all, std::unique_ptr<Connection> connection, bool leader)
        : all_(&all), connection_(std::move(connection)), leader_(leader) {}
    Loan(Loan&&) = default;
    ~Loan();
    Connection* operator->() { return connection_.get(); }
    Connection& operator*() { return *connection_; }

   private:
    SharedSnapshot* all_;
    std::unique_ptr<Connection> connection_;
    bool leader_;
  };
  Result<Loan> Borrow();
  // One that can read the table without waiting: where somebody waits for an exclusive lock behind the leader's, only
  // the leader can.
  Result<Loan> BorrowFor(const TableListing& listed);
  // A lock keeps the table, and not the name of its schema, by which COPY finds it: kBusy where that leads elsewhere
  // now.
  static Result<void> NeedSame(Connection& connection, const TableListing& listed);
  Result<Loan> BorrowLeader();
  // Somebody waits for a table, behind this one's lock or another's: who comes later waits behind them.
  Result<bool> HoldsUpOthers();

 private:
  SharedSnapshot(const stream::Waiter& waiter, const Clock& clock, std::stop_token stop)
      : waiter_(waiter), clock_(clock), stop_(std::move(stop)) {}
  Result<void> Lock(const Options& options);
  Result<bool> TryLock(Connection& leader, const Options& options);
  Result<void> ReadSizesOfLocked(Connection& leader);
  Result<std::string> WhoLocks(Connection& leader) const;
  Result<Loan> Take(std::vector<std::unique_ptr<Connection>>& from, bool leader);

  const stream::Waiter& waiter_;
  const Clock& clock_;
  const std::stop_token stop_;
  std::string id_;
  std::vector<TableListing> tables_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> leader_, others_;  // guarded by mutex_: those that nobody has borrowed
};

}  // namespace cairn::postgres
