// A whole tree, node by node, for who does not want to be called.
#pragma once

#include <memory>
#include <vector>

#include "engine/tree/directory_reader.h"
#include "repo-format/tree_path.h"

namespace cairn {

// In the order of WalkTree and RewriteTree: names ascending, a folder before what is in it. Depth is bounded by
// limits::kFolderDepthMax. Memory: one directory blob a level and folder. One thread at a time; borrows the blobs.
class TreeCursor {
 public:
  TreeCursor(BlobSource& blobs, const BlobId& root);
  // The next node, valid until the next call, or nullptr at the end. After an Error nothing more may be asked for.
  Result<const Node*> Next();
  const TreePath& path() const { return path_; }  // of that node

 private:
  struct Level {
    DirectoryCursor cursor;
    size_t length_above = 0;  // of the path
  };
  void Enter(const BlobId& root, size_t length_above);

  BlobSource& blobs_;
  TreePath path_;
  size_t length_ = 0;              // of the path of the folder in hand
  const Node* entered_ = nullptr;  // a folder that was given, and is next to be looked into
  std::vector<std::unique_ptr<Level>> levels_;
};

}  // namespace cairn
