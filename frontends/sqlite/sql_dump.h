// A SQLite database as SQL.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "engine/env/clock.h"
#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

struct SqlDumpReport {
  uint64_t tables = 0, rows = 0;
};

// What sqlite3's .dump writes, for the library has no such thing and the program may not be there: statements in one
// transaction that make tables with their rows, then indexes, triggers and views. Beside that it sets user_version,
// application_id and the text encoding where they are not the usual ones. Numbers of rows (rowid) that no column has
// are not kept, as by .dump. `file` is this process's alone, and is not in WAL mode. kInvalidArgument: a row that no
// statement can have (1,000,000,000 bytes). Memory: the largest row twice. kInterrupted soon after stop is asked for.
using EachSql = std::function<Result<void>(ByteSpan text)>;
Result<SqlDumpReport> DumpSql(const std::string& file, const Clock& clock, const std::stop_token& stop,
                              const EachSql& write);

}  // namespace cairn
