// A snapshot named on the command line, opened for looking into.
#pragma once

#include "engine/repo/blob_reader.h"
#include "frontends/cli/command.h"

namespace cairn {

// Finds the snapshot and makes what reads its trees. Not movable: the reader borrows the index.
struct OpenedSnapshot {
  Repository* repository = nullptr;
  SnapshotSet set;
  const LoadedSnapshot* snapshot = nullptr;
  std::unique_ptr<Index> index;
  std::unique_ptr<BlobReader> reader;

  Result<void> Open(Cli& cli, const std::string& name, const SnapshotFilter& filter);
  // The root to look into: of the only item, or of the one whose name begins the path (which then loses it).
  Result<const SnapshotItem*> Item(std::string* path) const;
};

}  // namespace cairn
