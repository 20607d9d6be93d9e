// Walks whole trees, folder by folder, and compares two. SPEC section 10.
#pragma once

#include <functional>

#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"
#include "repo-format/tree_path.h"

namespace cairn {

// Depth first, in order of names, a folder before what is in it. `each` returns false for a folder whose inside is to
// be left out. `after` (may be empty) is called for a folder after all that is in it, also where some of that could not
// be read. An Error of reading a directory goes to `failed` with the folder's path, which may swallow it (the walk goes
// on beside it; several may come for one folder) or return it; without `failed` it is returned, and so is kInterrupted.
// Depth is bounded by limits::kFolderDepthMax. Memory: one directory blob a level and folder.
struct TreeVisitor {
  std::function<Result<bool>(const TreePath& path, const Node& node)> each;
  std::function<Result<void>(const TreePath& path, const Node& node)> after;
  std::function<Result<void>(const TreePath& path, const Error& error)> failed;
};
Result<void> WalkTree(BlobSource& blobs, const BlobId& root, const TreePath& root_path, const TreeVisitor& visitor);

// What differs between two trees, in the order of WalkTree. A folder that was added or removed is followed by all that
// is in it; so is what was a folder on one side only (kType), before its other side. kContent is bytes, target or
// device, whatever else differs; times of status change and birth, and which link group it is, make no difference.
// Equal subtrees (equal ids) are not read. `before` and `after` are null where the path is not there. Errors end it.
enum class Difference { kAdded, kRemoved, kContent, kMetadata, kType };
using EachDifference =
    std::function<Result<void>(const TreePath& path, Difference what, const Node* before, const Node* after)>;
Result<void> DiffTrees(BlobSource& before_blobs, const BlobId& before, BlobSource& after_blobs, const BlobId& after,
                       const EachDifference& each);

}  // namespace cairn
