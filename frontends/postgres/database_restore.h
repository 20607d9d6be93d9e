// A whole database out of a dump: made beside the one in use, verified, then put in its place.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "frontends/postgres/database_loader.h"
#include "frontends/postgres/definitions.h"
#include "frontends/postgres/server.h"

namespace cairn::postgres {

struct DatabaseRestoreOptions {
  Address address;        // of the server
  std::string target;     // the database's name
  std::string run;        // names the restore; empty: a new one is made
  bool replaces = true;   // a database of this name; else that is refused
  bool is_drill = false;  // it is dropped as soon as it has been made and verified; the target is nobody's
  bool with_owners = true, verifies = true, disconnects = false;
  bool with_rows = true;  // else definitions alone
  unsigned sessions = 2;
  std::chrono::seconds session_patience{30};
  std::chrono::hours keeps{24};  // the former database
};

// What would be done: a value first. Nothing was changed for it.
struct DatabaseRestorePlan {
  std::string run;                   // 8 hexadecimal digits
  std::string target, beside, kept;  // names of databases; `kept` empty: none is there to be kept
  std::string server;                // "15.18 (...)"
  ClientProgram pg_restore;
  uint64_t tables = 0, rows = 0, bytes = 0, large_objects = 0;
  uint64_t target_bytes = 0;            // of the database that is there now; 0 also where that is not told
  std::vector<ServerSession> sessions;  // that use the target now
  std::vector<std::string> problems;    // each with its way out; with one there is no restore
  std::vector<std::string> notes;
};

struct DatabaseRestoreReport {
  DatabaseLoader::Report loaded;
  std::string oid;               // of the database in its place
  std::string kept, kept_until;  // empty: there was none before
};

// Once. Borrows all.
class DatabaseRestore {
 public:
  DatabaseRestore(const JobContext& context, DumpReader& dump, DatabaseRestoreOptions options)
      : context_(context), dump_(dump), options_(std::move(options)), waiter_(context.stop) {}

  Result<DatabaseRestorePlan> Plan();
  // Seconds for its rows, as SecondsOfRows, in the server's own database: only where somebody wants to know.
  Result<std::optional<double>> Estimate();
  // Statements that are run in the new database as one transaction, which they must not end themselves, by the role
  // that connects, when it was loaded and verified, and before any role but its owner and superusers can connect to it.
  // Names without a schema are looked for in "$user" and public. `name`: of the script, for errors.
  void SetScript(std::string script, std::string name) {
    script_ = std::move(script);
    script_name_ = std::move(name);
  }
  // After Plan. `before_swap` may refuse (a safety snapshot that failed). An Error: the target is as it was, and what
  // was made beside it is gone, or named where the server could not be asked any more.
  Result<DatabaseRestoreReport> Run(const std::function<Result<void>()>& before_swap);

 private:
  Result<void> LookAtDump(DatabaseRestorePlan& plan);
  void LookAtChosen(DatabaseRestorePlan& plan);
  Result<void> LookAtServer(DatabaseRestorePlan& plan);
  Result<void> LookAtRoles(DatabaseRestorePlan& plan);
  Result<void> LookAtProperties(DatabaseRestorePlan& plan);
  Result<void> LookAtExtensions(DatabaseRestorePlan& plan);
  Result<void> LookAtTarget(DatabaseRestorePlan& plan);
  Result<DatabaseRestoreReport> Load(const std::function<Result<void>()>& before_swap);
  Result<void> RunScript();
  Error AfterFailure(Error error);

  const JobContext& context_;
  DumpReader& dump_;
  const DatabaseRestoreOptions options_;
  const stream::Waiter waiter_;
  std::unique_ptr<Server> server_;
  DatabaseDescription description_;
  Definitions definitions_;  // none where their form is not known
  DatabaseRestorePlan plan_;
  std::string script_, script_name_;
  std::optional<std::string> entries_;  // of the definitions that are made; nothing: all
  DatabaseProperties properties_;       // that can be made
  std::string tablespace_;              // of the database that is there; empty: the server's default
  bool with_tablespaces_ = true;
  std::vector<std::string> schemas_;  // that they need, and the dump has not
  std::string target_oid_;            // of the database that is there; empty: none
  bool has_name_ = false;             // of what is beside: nobody had it before
  std::string beside_oid_;            // of that which is made; empty: not yet
};

// Puts what a restore has replaced back: the database that is there now is kept in its place as "undone". Gives the
// name of that. kNotFound: nothing of this run is left.
struct UndoReport {
  std::string database, kept, kept_until;
};
struct UndoneRun {
  std::string run;
  std::string database;  // that it replaced; empty: the only one, or kInvalidArgument names them
};
Result<UndoReport> UndoRestore(Server& server, const UndoneRun& undone, const Server::Swapping& how,
                               std::chrono::hours keeps, bool dry_run);

// Drops what restores that died have left, and former databases whose time is over and that nobody uses.
struct CleanUpReport {
  std::vector<KeptDatabase> dropped, left;  // or would be
  std::vector<std::pair<KeptDatabase, Error>> failed;
};
Result<CleanUpReport> CleanUpAfterRestores(Server& server, bool dry_run);

}  // namespace cairn::postgres
