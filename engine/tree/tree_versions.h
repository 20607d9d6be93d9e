// Walks several trees at once, path by path, and tells what each path is in which of them. SPEC section 10.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"
#include "repo-format/tree_path.h"

namespace cairn {

using TreeNumbers = std::vector<uint32_t>;  // ascending, as the caller counts them

// What a path is in some of the trees.
struct NodeVersion {
  std::shared_ptr<const Node> node;
  std::shared_ptr<const TreeNumbers> trees;
};

// `each`: every path that one of the trees has, in the order of WalkTree, with every distinct node that it is, in the
// order of the first tree of each; false: what is in its folders is left out. `each_blob` (may be empty): the metadata
// blobs of the folder at a path; one may come more than once, each time for other trees. An Error of reading one goes
// to `failed` with the folder's path and the trees that it is missing in, which may swallow it or return it; without
// `failed` it is returned, and so is kInterrupted.
struct VersionsVisitor {
  std::function<Result<bool>(const TreePath& path, const std::vector<NodeVersion>& versions)> each;
  std::function<Result<void>(const TreePath& folder, const BlobId& id, const TreeNumbers& trees)> each_blob;
  std::function<Result<void>(const TreePath& folder, const TreeNumbers& trees, const Error& error)> failed;
};

// A leaf blob that trees have at one path is read once for all of them, and so is what is equal as a whole. Depth is
// bounded by limits::kFolderDepthMax. Memory: at most one directory blob a level and tree, of which equal nodes are
// there once.
Result<void> WalkVersions(BlobSource& blobs, const std::vector<std::pair<uint32_t, BlobId>>& roots,
                          const TreePath& root_path, const VersionsVisitor& visitor);

}  // namespace cairn
