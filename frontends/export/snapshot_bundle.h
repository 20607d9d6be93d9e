// A snapshot, or a part of it, as an archive of files that other programs read.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/finding.h"
#include "engine/env/progress.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/export/file_bundle.h"

namespace cairn::exports {

struct BundleReport {
  uint64_t files = 0, bytes = 0, left_out = 0;  // entries; bytes of files
};

// Two layouts. Plain: paths as in the snapshot, as `cairn dump` writes them. By items: a folder an item, by its name,
// with the item's tree in it; databases as files that their own programs read, in `database` (PostgreSQL's in pg_dump's
// custom form with the roles beside it, SQLite's as they are); and metadata.json, so that an import takes it for the
// backup that it is. Memory: what a PgdumpPlan takes, and what is known of hard links. Reads in order; one thread.
class SnapshotBundle {
 public:
  enum class Layout { kPlain, kByItems };
  SnapshotBundle(BlobSource& blobs, const LoadedSnapshot& snapshot, const SnapshotPlace& place, std::stop_token stop,
                 Progress& progress, FindingSink findings);
  // Nodes that this version of cairn, or the form, does not know are told and left out. An Error where bytes cannot be
  // read: an archive without them is none.
  Result<BundleReport> Write(FileBundle& bundle, Layout layout);

 private:
  struct Piece;
  std::vector<Piece> Pieces(Layout layout) const;
  Result<void> WriteTree(FileBundle& bundle, const Piece& piece);
  Result<void> WritePostgres(FileBundle& bundle, const Piece& piece);
  Result<void> WriteSqlite(FileBundle& bundle, const Piece& piece);
  Result<void> WriteNode(FileBundle& bundle, const TreePath& path, const Node& node, const TreePath* link_to);
  Result<void> WriteFolder(FileBundle& bundle, const std::string& name, const Node& node);
  Result<void> WriteText(FileBundle& bundle, const std::string& name, const std::string& text);
  std::string Metadata(const std::vector<Piece>& pieces);

  BlobSource& blobs_;
  const LoadedSnapshot& snapshot_;
  const SnapshotPlace& place_;
  const std::stop_token stop_;
  Progress& progress_;
  const FindingSink findings_;
  BundleReport report_;
  bool passes_holes_ = false;
  class Md5;
  std::shared_ptr<Md5> md5_;  // of the bytes of all files
};

}  // namespace cairn::exports
