// What reads and writes the rows of a dump, as SQL.
#pragma once

#include <string>

#include "frontends/postgres/description.h"

namespace cairn::postgres {

// COPY ... TO STDOUT of the rows as a dump has them, and COPY ... FROM STDIN that takes them.
std::string CopyOutStatement(const TableDescription& table);
std::string CopyInStatement(const TableDescription& table);
// SELECT setval(...).
std::string SequenceStatement(const SequenceDescription& sequence);
// load.sql: for who has the folder of a dump, and psql alone.
std::string LoadScript(const DatabaseDescription& description);

}  // namespace cairn::postgres
