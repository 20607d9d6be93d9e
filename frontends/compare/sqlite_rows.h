// A SQLite database as a side of a comparison.
#pragma once

#include <memory>

#include "frontends/compare/rows_side.h"
#include "frontends/query/query_database.h"

namespace cairn::compare {

// Its ordinary tables, those too in which a virtual one keeps what it has; virtual tables have no rows of their own.
// SQLite's own tables are left out. The database outlives it, and is in one state. `no_rows`: why none of its rows can
// be compared; empty: they can.
std::unique_ptr<RowsSide> MakeSqliteRows(query::QueryDatabase& database, std::string no_rows = {});

}  // namespace cairn::compare
