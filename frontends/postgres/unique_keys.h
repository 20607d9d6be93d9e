// Columns by which rows of tables can be told apart that have no primary key.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "frontends/postgres/connection.h"
#include "frontends/postgres/definitions.h"

namespace cairn::postgres {

// By table: of each unique constraint and index on plain columns alone, of all rows, the columns; whether they may be
// NULL is not looked at. Ascending, none twice.
using UniqueKeys = std::map<TableName, std::vector<std::vector<std::string>>>;

// As a dump's definitions say. What is written in another way than pg_dump's is left out.
UniqueKeys FindUniqueKeys(const Definitions& definitions);
Result<UniqueKeys> ReadUniqueKeys(Connection& connection);

}  // namespace cairn::postgres
