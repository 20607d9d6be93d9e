// The path of a walk through a tree.
#pragma once

#include "repo-format/tree_path.h"

namespace cairn {

// One path for the whole walk: names are appended and taken away, so that a deep tree costs its path once.
class WalkPath {
 public:
  explicit WalkPath(const TreePath& root) : path_(root) {}
  // Returns the length to go back to.
  size_t Enter(ByteSpan name) {
    const size_t length = path_.size();
    if (!path_.empty()) path_.push_back('/');
    Append(path_, name);
    return length;
  }
  void Leave(size_t length) { path_.resize(length); }
  const TreePath& get() const { return path_; }

 private:
  TreePath path_;
};

}  // namespace cairn
