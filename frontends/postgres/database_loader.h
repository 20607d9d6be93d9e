// Fills an empty database from a dump, and verifies what it holds then.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/env/job_context.h"
#include "frontends/postgres/client_program.h"
#include "frontends/postgres/connection.h"
#include "frontends/postgres/dump_reader.h"

namespace cairn::postgres {

// Definitions, then rows over several sessions, large objects and sequences, then indexes, constraints and triggers.
// Each table is read again as soon as it is loaded, and must give the very bytes that the dump has, and so must each
// large object. The database is of no use where any step fails. Once; borrows all.
class DatabaseLoader {
 public:
  struct Options {
    Address address;  // of the empty database
    ClientProgram pg_restore;
    unsigned sessions = 2;
    bool with_owners = true;  // owners and grants as they were; else all is the connecting role's
    bool verifies = true;
    bool with_tablespaces = true;
    bool with_rows = true;               // also large objects, and what sequences have come to
    std::optional<std::string> entries;  // definitions of the dump, of Definitions::ListOf; nothing: all
    std::vector<std::string> schemas;    // that are made first, where they are not there
  };
  struct Report {
    uint64_t tables = 0, rows = 0, bytes = 0, large_objects = 0, sequences = 0;
    uint64_t verified = 0;  // tables and large objects
  };
  DatabaseLoader(const JobContext& context, DumpReader& dump, const DatabaseDescription& description, Options options);

  Result<Report> Run();

 private:
  Result<void> AnalyzeRest();
  Result<void> RestoreSection(const std::string& section, bool parallel);
  Result<void> RunProgram(const std::string& section, bool parallel);
  Result<void> RunScript(const std::string& section);
  Result<void> MakeSchemas();
  Result<void> LoadRows();
  Result<void> LoadTables(std::vector<const TableDescription*>& queue, std::mutex& mutex);
  Result<void> LoadTable(Connection& connection, const TableDescription& table);
  Result<void> LoadLargeObjects(Connection& connection);
  Result<void> LoadLargeObject(Connection& connection, const LargeObject& object);
  Result<void> SetSequences(Connection& connection);

  const JobContext& context_;
  DumpReader& dump_;
  const DatabaseDescription& description_;
  const Options options_;
  const stream::Waiter waiter_;
  stream::OwnedFd schema_;  // create.pgdump, in memory
  std::mutex mutex_;
  Report report_;  // guarded by mutex_
};

}  // namespace cairn::postgres
