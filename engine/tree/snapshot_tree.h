// A snapshot as the one tree that it is seen as: that of its only item; of several, a folder an item. SPEC
// section 11.1.
#pragma once

#include "engine/repo/snapshot_store.h"
#include "engine/tree/tree_walker.h"

namespace cairn {

// What a path leads to. Borrows the snapshot.
struct SnapshotPlace {
  TreePath path;                       // in the snapshot, as it was asked for
  TreePath inside;                     // in the item
  const SnapshotItem* item = nullptr;  // nothing: the root of a snapshot of several items
  Node node;                           // of a root: a folder with nothing but its subtree, or not even that

  bool is_folder() const { return item == nullptr || node.subtree.has_value(); }
};

// The folder that an item of several is seen as: the items of a snapshot have none of their own.
Node FolderOfItem(const SnapshotInner& inner, const SnapshotItem& item);

// kNotFound says what is there instead.
Result<SnapshotPlace> FindInSnapshot(BlobSource& blobs, const LoadedSnapshot& snapshot, ByteSpan path);

// As WalkTree, of what is in the folder of a place, with paths of the snapshot. Of several items the folders come in
// the order in which the snapshot has them. The second walks all of it.
Result<void> WalkSnapshot(BlobSource& blobs, const SnapshotInner& inner, const SnapshotPlace& place,
                          const TreeVisitor& visitor);
Result<void> WalkSnapshot(BlobSource& blobs, const SnapshotInner& inner, const TreeVisitor& visitor);

}  // namespace cairn
