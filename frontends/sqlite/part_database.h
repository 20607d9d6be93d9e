// A part of a SQLite database, as a database of its own. Private to frontends/sqlite.
#pragma once

#include <string>
#include <vector>

#include "frontends/sqlite/database.h"
#include "repo-format/sqlite_parameters.h"

namespace cairn::sqlite {

// Of one state of the database, in one read transaction, which is over on return: outside of WAL mode writers wait for
// that. What is returned is a file that nobody else sees and that goes with the connection, in SQLITE_TMPDIR, TMPDIR or
// /var/tmp; equal tables make equal pages, but for those that say where others lie. Tables that are not tables of rows
// nor full text indexes are kUnsupported, by name, as is what needs what only the application has; a pattern that
// chooses nothing is kNotFound. Each row is read again and compared. `patience` outlives the connection.
Result<Connection> MakePart(const std::string& path, const SqliteParameters& part, Patience& patience);

}  // namespace cairn::sqlite
