// A snapshot named on the command line, opened for looking into.
#pragma once

#include "engine/repo/blob_reader.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/cli/command.h"

namespace cairn {

// Finds the snapshot and makes what reads its trees. Not movable: the reader borrows the index.
struct OpenedSnapshot {
  Repository* repository = nullptr;
  SnapshotSet set;
  const LoadedSnapshot* snapshot = nullptr;
  std::unique_ptr<Index> index;
  std::unique_ptr<BlobReader> reader;

  Result<void> Open(Cli& cli, const std::string& name, const SnapshotFilter& filter,
                    Cli::InDoubt in_doubt = Cli::InDoubt::kTell);
  Result<SnapshotPlace> Find(const std::string& path) const {
    return FindInSnapshot(*reader, *snapshot, AsBytes(path));
  }
  // What is in a folder of it.
  Result<void> Walk(const SnapshotPlace& place, const TreeVisitor& visitor) const {
    return WalkSnapshot(*reader, snapshot->inner, place, visitor);
  }
};

}  // namespace cairn
