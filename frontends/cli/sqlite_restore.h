// restore --sqlite: a database of a snapshot into one of this machine, which programs may have open.
#pragma once

#include <string>

#include "engine/repo/snapshot_store.h"
#include "frontends/cli/cli.h"

namespace cairn {

struct SqliteRestoreOptions {
  std::string file;         // the database on this machine; made where it is not there
  std::string item;         // of the snapshot; empty: its only database
  bool dry_run = false;     // looks, and says what would be done
  bool no_safety = false;   // no snapshot of what is there before
  uint32_t lock_wait = 60;  // seconds
};

// Restored beside the database, looked at by SQLite, then written into it in one transaction. What was there is a
// snapshot of class safety before, which retention leaves alone. After an Error the database is as it was.
Result<int> RestoreSqlite(Cli& cli, Repository& repository, Index& index, const LoadedSnapshot& snapshot,
                          const SqliteRestoreOptions& options);

}  // namespace cairn
