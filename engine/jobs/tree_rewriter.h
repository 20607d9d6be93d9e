// Makes a tree anew out of an old one, without what is left out.
#pragma once

#include <functional>

#include "engine/repo/blob_ends.h"
#include "engine/tree/directory_builder.h"
#include "repo-format/tree_path.h"

namespace cairn {

// What becomes of a node: kept as `node` may have been changed, or left out. An Error ends the rewriting.
using RewriteNode = std::function<Result<bool>(const TreePath& path, Node& node)>;
// A part of a folder that could not be read: it is left out, and the rest is kept. Several may come for one folder.
using RewriteFailed = std::function<Result<void>(const TreePath& path, const Error& error)>;

// The root of the new tree. Folders that do not change keep their ids (the same bytes give the same blob). Depth is
// bounded by limits::kFolderDepthMax; the thread's stack does not grow with it. One thread.
Result<Subtree> RewriteTree(BlobSource& source, BlobSink& sink, const BlobId& root, const RewriteNode& each,
                            const RewriteFailed& failed);

}  // namespace cairn
