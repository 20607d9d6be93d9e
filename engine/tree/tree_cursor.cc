#include "engine/tree/tree_cursor.h"

#include "repo-format/limits.h"

namespace cairn {

TreeCursor::TreeCursor(BlobSource& blobs, const BlobId& root) : blobs_(blobs) { Enter(root, 0); }

void TreeCursor::Enter(const BlobId& root, size_t length_above) {
  levels_.push_back(std::unique_ptr<Level>(new Level{DirectoryCursor(blobs_, root), length_above}));
  length_ = path_.size();
}

Result<const Node*> TreeCursor::Next() {
  if (entered_ != nullptr) {
    if (levels_.size() > limits::kFolderDepthMax) {
      return Corrupt("folders are nested deeper than {}", limits::kFolderDepthMax);
    }
    Enter(entered_->subtree->root, length_);
    entered_ = nullptr;
  }
  for (;;) {
    path_.resize(length_);
    ASSIGN_OR_RETURN(const Node* node, levels_.back()->cursor.Next());
    if (node != nullptr) {
      if (length_ > 0) path_.push_back('/');
      Append(path_, node->name);
      if (node->subtree) entered_ = node;
      return node;
    }
    length_ = levels_.back()->length_above;
    levels_.pop_back();
    if (levels_.empty()) return nullptr;
  }
}

}  // namespace cairn
