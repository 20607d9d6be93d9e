// The tables of a SQLite database.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/clock.h"
#include "repo-format/base/result.h"

namespace cairn {

struct SqliteTable {
  std::string name;
  std::optional<uint64_t> rows;   // nothing: of a virtual table whose module this program does not have
  std::optional<uint64_t> bytes;  // of its pages and its indexes'; nothing: it has none of its own
};

// By name, in one state of the database, whatever is written meanwhile; SQLite's own tables are left out. Counts rows,
// which takes as long as reading the database. Errors as SqliteSource's.
Result<std::vector<SqliteTable>> ListSqliteTables(const std::string& file, const Clock& clock, std::stop_token stop);

}  // namespace cairn
