// A database of a snapshot, to be asked.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/env/clock.h"
#include "engine/env/executor.h"
#include "engine/tree/file_view.h"
#include "frontends/postgres/dump_reader.h"
#include "frontends/query/rows.h"

namespace cairn::query {

struct QueryOptions {
  std::string name;  // of the database, for errors
  uint64_t memory_bytes =
      64ULL << 20;  // that SQLite may have; what sorting needs beyond goes to nameless files in TMPDIR
  std::stop_token stop;
  std::function<void(const std::string& note)> tell;  // what who asks should know of the answer; may be empty
};

// Those that are open at once in a process share its memory for SQLite, of which the last to be opened says how much
// it is. One thread.
class QueryDatabase {
 public:
  virtual ~QueryDatabase() = default;
  virtual Result<std::vector<TableInfo>> Tables() = 0;
  // Statements one after another, in SQLite's SQL; those that only look. kInvalidArgument says what is wrong with one.
  virtual Result<void> Run(std::string_view sql, RowSink& rows) = 0;
};

// A SQLite database where it is: of the file only what a statement needs is read. `executor` reads ahead of who reads
// on, and ends before what is behind the file does.
Result<std::unique_ptr<QueryDatabase>> OpenSqliteDatabase(std::shared_ptr<const FileView> file, Executor& executor,
                                                          const QueryOptions& options);

struct LiveOptions {
  const Clock& clock;             // outlives the database
  uint32_t lock_patience_s = 60;  // how long another program may keep it locked
};
// A SQLite database of this machine, which programs may have open, in one state: until this goes, those that write
// cannot commit, but in WAL mode. What a crash left half done is undone. Errors as a SqliteSource's; kNotFound.
Result<std::unique_ptr<QueryDatabase>> OpenLiveSqliteDatabase(const std::string& path, const LiveOptions& live,
                                                              const QueryOptions& options);

// The tables of a PostgreSQL database, without a server: those that a statement reads are loaded, whole, into a private
// SQLite database, a file without a name in the folder for temporary ones, which is told. Numbers, booleans (1 and 0)
// and bytea become SQLite's; all else is the text that the server writes of it. A schema is a database of SQLite's, so
// that names may stand with it or without. Borrows the dump.
Result<std::unique_ptr<QueryDatabase>> OpenPostgresDatabase(postgres::DumpReader& dump, const QueryOptions& options);

}  // namespace cairn::query
