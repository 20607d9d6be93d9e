// `restore --sqlite` of tables: rows of a snapshot's database into one that programs may have open.
#pragma once

#include "frontends/cli/sqlite_restore.h"

namespace cairn {

// In one transaction; an Error leaves the database as it was, or says what is known of it.
Result<int> RestoreSqliteTables(Cli& cli, const SqliteRestore& options, const SqliteRestore::Request& request);

}  // namespace cairn
