// What a snapshot that was copied before tells of the next one: a file that has not changed is not read again.
#pragma once

#include <optional>
#include <vector>

#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"
#include "repo-format/tree_path.h"

namespace cairn {

// Between repositories whose blobs have other ids: equal content of two snapshots of the source has, in the target, the
// ids that the copy of the first of them holds. Whether those blobs are still there is for the caller to look up. One
// thread. Borrows all.
class CopyParent {
 public:
  // `before`: a snapshot of the source, `copy`: what it is in the target.
  CopyParent(BlobSource& source, BlobSource& target, const SnapshotInner& before, const SnapshotInner& copy)
      : source_(source), target_(target), before_(before), copy_(copy) {}

  // Before the nodes of an item.
  void Begin(const SnapshotItem& item);
  // The node of the copy, where the file at this path had the same content and attributes before. Asked for each node
  // in the order of the walk, folders before what is in them. What cannot be read is not found.
  std::optional<Node> Find(const TreePath& path, const Node& node);

 private:
  // One that is in both, on the way to where the walk is.
  struct Folder {
    TreePath path;
    BlobId before, copy;
  };

  BlobSource& source_;
  BlobSource& target_;
  const SnapshotInner& before_;
  const SnapshotInner& copy_;
  std::vector<Folder> folders_;
};

}  // namespace cairn
