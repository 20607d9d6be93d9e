// A database of a snapshot, to be asked.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

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

// One thread. Several in a process have their memory together: what the last that was opened may have.
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

// The tables of a PostgreSQL database, without a server: those that a statement reads are loaded, whole, into a private
// SQLite database, a file without a name in the folder for temporary ones, which is told. Numbers, booleans (1 and 0)
// and bytea become SQLite's; all else is the text that the server writes of it. A schema is a database of SQLite's, so
// that names may stand with it or without. Borrows the dump.
Result<std::unique_ptr<QueryDatabase>> OpenPostgresDatabase(postgres::DumpReader& dump, const QueryOptions& options);

}  // namespace cairn::query
