#include "engine/jobs/tree_rewriter.h"

#include "engine/tree/directory_reader.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

Result<Subtree> RewriteFolder(BlobSource& source, BlobSink& sink, const BlobId& root, const TreePath& path,
                              const RewriteNode& each, const RewriteFailed& failed, unsigned depth) {
  if (depth > limits::kFolderDepthMax) return Corrupt("folders are nested deeper than {}", limits::kFolderDepthMax);
  DirectoryBuilder builder(sink);
  DirectoryCursor cursor(source, root);
  for (;;) {
    auto next = cursor.Next();
    if (!next) {
      RETURN_IF_ERROR(failed(path, next.error()));
      continue;  // what else the folder holds is not lost
    }
    if (*next == nullptr) break;
    Node node = **next;
    const TreePath node_path = JoinPath(path, node.name);
    ASSIGN_OR_RETURN(const bool keep, each(node_path, node));
    if (!keep) continue;
    if (node.subtree) {
      ASSIGN_OR_RETURN(node.subtree,
                       RewriteFolder(source, sink, node.subtree->root, node_path, each, failed, depth + 1));
    }
    RETURN_IF_ERROR(builder.Add(std::move(node)));
  }
  return builder.Finish();
}

}  // namespace

Result<Subtree> RewriteTree(BlobSource& source, BlobSink& sink, const BlobId& root, const RewriteNode& each,
                            const RewriteFailed& failed) {
  return RewriteFolder(source, sink, root, {}, each, failed, 0);
}

}  // namespace cairn
