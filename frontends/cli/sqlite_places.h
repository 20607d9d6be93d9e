// Where `restore --sqlite` takes a database from, and where it puts it.
#pragma once

#include <string>

#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/restore_stage.h"
#include "frontends/sqlite/live_database.h"
#include "repo-format/sqlite_parameters.h"

namespace cairn {

// What a snapshot has to give.
struct SqliteReplacement {
  TreePath path;            // of its file, in the snapshot
  uint64_t bytes = 0;       // 0: an empty database
  uint32_t page_bytes = 0;  // 0 too, then
  uint32_t text_encoding = 0;
  SqliteParameters parameters;  // whether it is a part of a database
};
Result<SqliteReplacement> FindSqliteReplacement(const OpenedSnapshot& opened, const SnapshotItem* item);

// Where it goes to.
struct SqliteTarget {
  RestoreStage::Place place;
  bool exists = false;
  SqliteFileState state;  // where it exists
  std::string others;     // where not: what of another database stands beside it
  std::string file() const { return place.path(); }
  Result<void> RefuseOthers() const;
};
// Without opening it as a database, so that nothing is changed.
Result<SqliteTarget> LookAtSqliteTarget(const std::string& file);

// The safety snapshot that the run took of this file, on this host.
Result<const LoadedSnapshot*> FindSqliteBefore(const SnapshotSet& set, const std::string& run, const std::string& file);

}  // namespace cairn
