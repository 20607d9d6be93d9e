// A database whose rows are compared: of a snapshot, or of this machine or a server as it is now.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/env/executor.h"
#include "engine/tree/file_view.h"
#include "frontends/cli/queried_place.h"
#include "frontends/compare/page_difference.h"
#include "frontends/compare/rows_side.h"
#include "frontends/postgres/dump_reader.h"
#include "frontends/postgres/shared_snapshot.h"
#include "frontends/query/query_database.h"
#include "frontends/stream/readable.h"

namespace cairn {

// One thread. Not movable: what is below refers to what is above.
class ComparedDatabase {
 public:
  // Of a snapshot; `blobs` outlives it.
  static Result<std::unique_ptr<ComparedDatabase>> OpenSnapshot(Cli& cli, BlobSource& blobs, const QueriedPlace& place);
  // A SQLite file as it is now; a database of a server, of which only what the dump of `snapshot` was to have, and what
  // `takes` takes (may be empty: all), so that others need not be locked, nor read by this role.
  using Takes = std::function<bool(const compare::TableShape& table)>;
  static Result<std::unique_ptr<ComparedDatabase>> OpenFile(Cli& cli, const std::string& file, uint32_t lock_wait_s);
  static Result<std::unique_ptr<ComparedDatabase>> OpenServer(Cli& cli, const std::string& address,
                                                              const ComparedDatabase& snapshot, const Takes& takes,
                                                              uint32_t lock_wait_s);

  compare::RowsSide& rows() { return *rows_; }
  bool is_postgres() const { return is_postgres_; }
  postgres::DumpReader* dump() { return dump_.get(); }  // nullptr: it is none of a snapshot
  // Of a SQLite database of a snapshot.
  const std::optional<compare::StoredDatabase>& stored() const { return stored_; }
  const std::string& name() const { return name_; }  // for people
  // Whether the table, if it was there, would be in it: of a part of a database what was not chosen is not missing.
  bool CanHave(const compare::TableShape& table) const;

 private:
  explicit ComparedDatabase(Cli& cli) : waiter_(cli.stop()) {}
  static Result<postgres::TableChoice> ChoiceOf(const postgres::Address& address,
                                                const postgres::DatabaseDescription& description, const Takes& takes,
                                                const stream::Waiter& waiter);
  Result<void> DescribePart(const SnapshotItem& item, std::string* no_rows);

  const stream::Waiter waiter_;
  std::string name_;
  bool is_postgres_ = false;
  // Of a dump.
  std::unique_ptr<postgres::DumpReader> dump_;
  std::optional<postgres::DatabaseDescription> description_;
  // Of SQLite: which tables, by patterns.
  std::vector<std::string> chosen_, excluded_;
  std::unique_ptr<Executor> ahead_;  // ends before what it reads from
  std::unique_ptr<query::QueryDatabase> database_;
  std::optional<compare::StoredDatabase> stored_;
  std::unique_ptr<postgres::SharedSnapshot> server_;
  std::unique_ptr<compare::RowsSide> rows_;
};

}  // namespace cairn
