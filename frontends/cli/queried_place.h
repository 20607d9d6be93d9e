// What `query` asks: a database in a snapshot.
#pragma once

#include "frontends/cli/opened_snapshot.h"

namespace cairn {

struct QueriedPlace {
  const SnapshotItem* item = nullptr;  // of a PostgreSQL database: all of it
  TreePath path;                       // as it is called in the snapshot
  std::optional<Node> file;            // a SQLite database; nothing: the item is a PostgreSQL database
};

// The database at a path, the one file of a SQLite item, or the only database of the snapshot where no path is given.
// kInvalidArgument says what there is instead, and where a file was caught while it was written, so that without the
// journal beside it it is no database. `tell` is told of a log beside it, whose transactions are not looked at.
Result<QueriedPlace> FindQueried(BlobSource& blobs, const LoadedSnapshot& snapshot, const std::string& path,
                                 const std::function<void(const std::string&)>& tell);

// A file that was backed up as any other may have been written to meanwhile: kInvalidArgument, and `tell`, as above.
Result<void> LookAtJournals(BlobSource& blobs, const SnapshotPlace& place,
                            const std::function<void(const std::string&)>& tell);

}  // namespace cairn
