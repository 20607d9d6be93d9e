// What a snapshot that takes the place of another, or is a copy of it, has of it.
#pragma once

#include "engine/repo/snapshot_store.h"
#include "engine/repo/write_session.h"
#include "repo-format/node.h"
#include "repo-format/tree_path.h"

namespace cairn {

// The blobs that a new snapshot needs and its session does not store: a prune that began before the session may be
// removing their packs (SPEC 13.3, step 1). Directories are not among them: they are added anew. One thread. Borrows
// all that it is given.
class KeptBlobs {
 public:
  // After the session began. Where there was no tombstone then, and the old snapshot is in its place, all that it needs
  // stays; else each blob is looked up.
  static Result<KeptBlobs> Of(WriteSession& session, BlobSource& blobs, const SnapshotId& old);
  bool all_stay() const { return all_stay_; }
  // What a node refers to. kBusy names the path: a later run finds it moved to another pack.
  Result<void> Need(const TreePath& path, const Node& node) const;
  Result<void> NeedCommandLine(const SnapshotItem& item) const;

 private:
  KeptBlobs(WriteSession& session, BlobSource& blobs, bool all_stay)
      : session_(session), blobs_(blobs), all_stay_(all_stay) {}
  Result<void> NeedBlob(const BlobId& id, const std::string& of) const;

  WriteSession& session_;
  BlobSource& blobs_;
  bool all_stay_ = false;
};

// Adds what stays of an old tree up, as a backup does.
void CountNode(const Node& node, SnapshotTotals& totals);

// Notes that give `to`, which has none, the protection and expiry of `from`. Where this key may not put notes there,
// that is told, and the copy stays without.
Result<void> CarryProtection(const JobContext& context, Repository& repository, const LoadedSnapshot& from,
                             const SnapshotId& to, const FindingSink& findings);

}  // namespace cairn
