// A database in use made into what a dump has, in one transaction: where none can be made beside it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/env/job_context.h"
#include "frontends/postgres/client_program.h"
#include "frontends/postgres/database_loader.h"
#include "frontends/postgres/in_place_changes.h"

namespace cairn::postgres {

struct InPlaceOptions {
  Address address;  // of the database
  bool with_owners = true, with_rows = true, verifies = true;
  std::chrono::seconds lock_patience{60};
  Bytes undone;  // create.pgdump of the dump whose restore is undone; empty: none is
};

// What would be done: a value first. Nothing was changed for it.
struct InPlacePlan {
  std::string run, database, server;
  uint64_t tables = 0, rows = 0, bytes = 0, large_objects = 0;
  size_t dropped = 0, made = 0, kept = 0, staying = 0;  // definitions, but for what belongs to others
  uint64_t database_bytes = 0;                          // now
  std::vector<std::string> problems, notes;
};

// Tables that will be dropped are locked against writers; `before_change` may look at them then (a safety snapshot);
// what the dump has too is dropped, never more by CASCADE; all is made, loaded, and read again; then it is committed.
// An Error leaves the database as it was, or says that this is not known. Once; borrows all.
class InPlaceRestore {
 public:
  InPlaceRestore(const JobContext& context, DumpReader& dump, InPlaceOptions options)
      : context_(context), dump_(dump), options_(std::move(options)), waiter_(context.stop) {}

  Result<InPlacePlan> Plan();
  // Seconds for its rows, as SecondsOfRows: only where somebody wants to know.
  Result<std::optional<double>> Estimate();
  struct Steps {
    std::function<Result<void>(const std::string& run)> before_change;
    std::function<Result<void>()> before_commit;  // all is there, and right; others do not see it yet
  };
  Result<DatabaseLoader::Report> Run(const Steps& steps);

 private:
  Result<void> ReadDump();
  Result<std::string> ReadDefinitions();
  Result<void> ReadLive();
  void LookAtVersion(int major);
  Result<DatabaseLoader::Report> Work(const Steps& steps);
  Result<void> Lock();
  Result<void> NeedSameShape();
  Result<void> Drop();
  Result<void> RunScript(const std::string& section, const std::string& what);
  Result<void> LoadRows(DatabaseLoader::Report& report);
  Result<void> LoadLargeObjects(DatabaseLoader::Report& report);
  Result<void> SetSequences(DatabaseLoader::Report& report);
  Result<void> Analyze();
  std::string Settings() const;

  const JobContext& context_;
  DumpReader& dump_;
  const InPlaceOptions options_;
  const stream::Waiter waiter_;
  std::unique_ptr<Connection> connection_;
  ClientProgram pg_dump_, pg_restore_;
  DatabaseDescription description_;
  Bytes archive_;             // create.pgdump
  std::string live_archive_;  // the same of the database as it is
  Definitions definitions_, live_;
  InPlaceChanges changes_;
  InPlacePlan plan_;
  bool with_tablespaces_ = true;
  bool is_committing_ = false;
};

// Why a database cannot be made beside `target` and take its place there, in words; empty: it can, or there is none of
// this name.
class Server;
Result<std::string> WhyNotBeside(Server& server, const std::string& target);

}  // namespace cairn::postgres
