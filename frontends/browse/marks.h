// What is marked in a snapshot, to be restored.
#pragma once

#include <cstdint>
#include <map>

#include "repo-format/base/result.h"
#include "repo-format/tree_path.h"

namespace cairn::browse {

// Paths of one snapshot; a folder stands for all that is in it. A value: copies go to other threads.
class Marks {
 public:
  struct Mark {
    bool is_folder = false;
    uint64_t size = 0;  // bytes of a file
  };
  // Marks it, or takes the mark away. A mark of a folder takes the place of those in it; kInvalidArgument where it is
  // in a folder that is marked, or too many are.
  Result<void> Toggle(const TreePath& path, const Mark& mark);
  void Clear() { marks_.clear(); }
  bool empty() const { return marks_.empty(); }
  size_t count() const { return marks_.size(); }
  const std::map<TreePath, Mark>& all() const { return marks_; }

  bool Has(const TreePath& path) const { return marks_.contains(path); }
  // It, or a folder that it is in, is marked.
  bool Covers(const TreePath& path) const;
  // Something below the folder is marked.
  bool HasBelow(const TreePath& folder) const;
  // The deepest folder that all of them are in; empty: the root of the snapshot.
  TreePath CommonFolder() const;

  static constexpr size_t kCountMax = 10'000;

 private:
  std::map<TreePath, Mark> marks_;
};

}  // namespace cairn::browse
