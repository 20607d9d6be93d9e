// A connection of SQLite that can look, and nothing else. Private to frontends/query.
#pragma once

#include <sqlite3.h>

#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "frontends/query/query_database.h"
#include "frontends/query/rows.h"
#include "frontends/query/view_files.h"

namespace cairn::query {

// One thread at a time. Statements are what others wrote, and so are schemas: nothing is written, no file is opened by
// name, no code is loaded, and only functions and virtual tables that SQLite calls innocuous stand in views. Memory:
// what `memory_bytes` allows to SQLite, in all of this process; what it needs beyond goes to nameless files in the
// folder for temporary ones.
class ReadConnection {
 public:
  // The database of `files`, which is kept; nullptr: a private one, empty, which Fill may write to. `name` is for
  // errors.
  static Result<std::unique_ptr<ReadConnection>> Open(std::unique_ptr<ViewFiles> files, std::string name,
                                                      uint64_t memory_bytes, std::stop_token stop);

  // A file of this machine that programs may have open; one read transaction, from now until it goes: programs in WAL
  // mode go on meanwhile, others cannot commit. Errors as sqlite::ErrorOf's.
  static Result<std::unique_ptr<ReadConnection>> OpenLive(const std::string& path, const LiveOptions& live,
                                                          uint64_t memory_bytes, std::stop_token stop);

  // A table of a database of the connection ("main", ...).
  using TableKey = std::pair<std::string, std::string>;
  // Before a statement runs: which tables it reads, as SQLite has compiled it.
  using Prepared = std::function<Result<void>(const std::set<TableKey>& tables)>;
  // One statement after another. kInvalidArgument says what SQLite says of it, or what is refused; kInterrupted where
  // stop was asked for.
  Result<void> Run(std::string_view sql, RowSink& rows, const Prepared& prepared = {});

  // Statements of ours, which may write to a private database.
  Result<void> Execute(const std::string& sql);
  // Each row of a query of ours.
  Result<void> ForEach(const std::string& sql, const std::function<Result<void>(sqlite3_stmt* row)>& each);
  sqlite3* handle() { return connection_.get(); }
  // What a result code means.
  Error Failure(int code) const;

 private:
  struct Close {
    std::shared_ptr<void> kept;  // what the connection works on, and goes after it
    void operator()(sqlite3* connection) const { sqlite3_close(connection); }
  };
  Result<void> Prepare();
  ReadConnection(std::unique_ptr<ViewFiles> files, std::string name, uint64_t memory_bytes, std::stop_token stop)
      : files_(std::move(files)), name_(std::move(name)), memory_bytes_(memory_bytes), stop_(std::move(stop)) {}
  static int Authorize(void* self, int action, const char* one, const char* two, const char* database, const char*);
  static int IsStopped(void* self);
  int Judge(int action, std::string_view one, const char* two);
  Result<std::set<TableKey>> TablesOf(sqlite3_stmt* statement);
  Result<void> RunOne(sqlite3_stmt* statement, RowSink& rows);

  const std::unique_ptr<ViewFiles> files_;  // outlives the connection
  const std::string name_;
  const uint64_t memory_bytes_;
  const std::stop_token stop_;
  std::unique_ptr<sqlite3, Close> connection_;
  bool is_live_ = false;     // a file of this machine
  bool is_guarded_ = false;  // statements are another's
  std::string refused_;      // what the guard refused last
};

// Of a column; empty where it is NULL.
std::string TextOf(sqlite3_stmt* row, int column);
// As a name in SQL.
std::string QuotedName(std::string_view name);

}  // namespace cairn::query
