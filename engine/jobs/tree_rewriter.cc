#include "engine/jobs/tree_rewriter.h"

#include <memory>
#include <vector>

#include "engine/tree/directory_reader.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

// With a stack of its own: folders may be nested deeper than a thread's holds.
class TreeRewrite {
 public:
  TreeRewrite(BlobSource& source, BlobSink& sink, const RewriteNode& each, const RewriteFailed& failed)
      : source_(source), sink_(sink), each_(each), failed_(failed) {}

  Result<Subtree> Run(const BlobId& root) {
    Enter(root, Node(), 0);
    for (;;) {
      Level& level = *levels_.back();
      auto next = level.cursor.Next();
      if (!next) {
        RETURN_IF_ERROR(failed_(path_, next.error()));
        continue;  // what else the folder holds is not lost
      }
      if (*next != nullptr) {
        RETURN_IF_ERROR(Visit(level, **next));
        continue;
      }
      ASSIGN_OR_RETURN(const Subtree subtree, level.builder.Finish());
      const std::unique_ptr<Level> done = std::move(levels_.back());
      levels_.pop_back();
      if (levels_.empty()) return subtree;
      path_.resize(done->length_above);
      done->folder.subtree = subtree;
      RETURN_IF_ERROR(levels_.back()->builder.Add(std::move(done->folder)));
    }
  }

 private:
  struct Level {
    DirectoryBuilder builder;
    DirectoryCursor cursor;
    Node folder;              // as it is to be in the level above; of the root, nothing
    size_t length_above = 0;  // of the path
  };

  void Enter(const BlobId& root, Node folder, size_t length_above) {
    levels_.push_back(std::unique_ptr<Level>(
        new Level{DirectoryBuilder(sink_), DirectoryCursor(source_, root), std::move(folder), length_above}));
  }

  Result<void> Visit(Level& level, Node node) {
    const size_t length = path_.size();
    if (length > 0) path_.push_back('/');
    Append(path_, node.name);
    ASSIGN_OR_RETURN(const bool keep, each_(path_, node));
    if (keep && node.subtree) {
      if (levels_.size() > limits::kFolderDepthMax) {
        return Corrupt("folders are nested deeper than {}", limits::kFolderDepthMax);
      }
      const BlobId root = node.subtree->root;
      Enter(root, std::move(node), length);
      return {};
    }
    path_.resize(length);
    return keep ? level.builder.Add(std::move(node)) : Result<void>();
  }

  BlobSource& source_;
  BlobSink& sink_;
  const RewriteNode& each_;
  const RewriteFailed& failed_;
  TreePath path_;
  std::vector<std::unique_ptr<Level>> levels_;
};

}  // namespace

Result<Subtree> RewriteTree(BlobSource& source, BlobSink& sink, const BlobId& root, const RewriteNode& each,
                            const RewriteFailed& failed) {
  return TreeRewrite(source, sink, each, failed).Run(root);
}

}  // namespace cairn
