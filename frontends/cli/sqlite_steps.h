// Steps that restores into a SQLite database have in common, of the whole or of tables.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/restore_stage.h"
#include "frontends/cli/sqlite_places.h"
#include "frontends/sqlite/database_check.h"
#include "frontends/sqlite/live_database.h"

namespace cairn {

// What is put together from a snapshot beside its target.
struct StageRequest {
  const OpenedSnapshot& opened;
  const SnapshotItem& item;
  const SqliteReplacement& replacement;
  RestoreStage::Place place;
  std::string run;
  std::string script, script_name;  // of --after-sql; empty: none
  bool numeric_ids = false, checks = true;
};
struct StagedDatabase {
  std::unique_ptr<RestoreStage> stage;
  DatabaseCheck check;  // empty: it was not asked for
};
// Not in WAL mode. kIo where SQLite finds it damaged; what could not be looked at is told.
Result<StagedDatabase> StageSqlite(Cli& cli, const StageRequest& request);

// The safety snapshot, committed with the lock in hand, so that it is what is replaced. Tried again where another
// program has written meanwhile, a few times; `tries` says how often. kBusy.
Result<SnapshotId> BackUpAndLock(Cli& cli, Repository& repository, LiveDatabase& live, const SqliteTarget& target,
                                 const std::string& run, int& tries);

// The Error of a change that was begun, with what is there now, which is looked at.
Error TellAfterFailure(const Error& error, LiveDatabase& live, const SqliteTarget& target,
                       const std::optional<SnapshotId>& safety);

}  // namespace cairn
