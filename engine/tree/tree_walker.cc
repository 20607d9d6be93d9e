#include "engine/tree/tree_walker.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "engine/tree/directory_reader.h"
#include "engine/tree/node_difference.h"
#include "engine/tree/walk_path.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

Error TooDeep() { return Corrupt("folders are nested deeper than {}", limits::kFolderDepthMax); }

class TreeWalk {
 public:
  TreeWalk(BlobSource& blobs, const TreePath& root_path, const TreeVisitor& visitor)
      : blobs_(blobs), path_(root_path), visitor_(visitor) {}

  Result<void> Run(const BlobId& root) {
    stack_.push_back({std::make_unique<DirectoryCursor>(blobs_, root), std::nullopt, path_.get().size()});
    while (!stack_.empty()) RETURN_IF_ERROR(Step());
    return {};
  }

 private:
  struct Frame {
    std::unique_ptr<DirectoryCursor> cursor;
    std::optional<Node> folder;  // nothing for the root
    size_t length_above = 0;     // of the path
    uint64_t entries = 0;
    bool is_whole = true;
  };

  Result<void> Step() {
    Frame& frame = stack_.back();
    auto next = frame.cursor->Next();
    if (!next) {
      frame.is_whole = false;
      return Fail(next.error());
    }
    if (*next == nullptr) return LeaveFolder();
    ++frame.entries;
    return Visit(**next);
  }

  Result<void> Visit(const Node& node) {
    const size_t length = path_.Enter(node.name);
    ASSIGN_OR_RETURN(const bool descend, visitor_.each(path_.get(), node));
    if (node.type != NodeType::kFolder || !node.subtree || !descend) {
      path_.Leave(length);
      return {};
    }
    if (stack_.size() >= limits::kFolderDepthMax) {
      RETURN_IF_ERROR(Fail(TooDeep()));
      if (visitor_.after) RETURN_IF_ERROR(visitor_.after(path_.get(), node));
      path_.Leave(length);
      return {};
    }
    stack_.push_back({std::make_unique<DirectoryCursor>(blobs_, node.subtree->root), node, length});
    return {};
  }

  Result<void> LeaveFolder() {
    const Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (!frame.folder) return {};
    const uint64_t expected = frame.folder->subtree->entries;
    if (frame.is_whole && frame.entries != expected) {
      RETURN_IF_ERROR(Fail(Corrupt("a folder has {} entries, expected {}", frame.entries, expected)));
    }
    if (visitor_.after) RETURN_IF_ERROR(visitor_.after(path_.get(), *frame.folder));
    path_.Leave(frame.length_above);
    return {};
  }

  Result<void> Fail(const Error& error) {
    if (!visitor_.failed || EndsJob(error.code())) return error;
    return visitor_.failed(path_.get(), error);
  }

  BlobSource& blobs_;
  WalkPath path_;
  const TreeVisitor& visitor_;
  std::vector<Frame> stack_;
};

bool IsFolder(const Node* node) { return node != nullptr && node->type == NodeType::kFolder && node->subtree; }

// Merges two trees, folder by folder.
class TreeDiff {
 public:
  TreeDiff(BlobSource& before, BlobSource& after, const EachDifference& each)
      : before_blobs_(before), after_blobs_(after), path_(TreePath()), each_(each) {}

  Result<void> Run(const BlobId& before, const BlobId& after) {
    if (before == after) return {};
    RETURN_IF_ERROR(Enter(&before, &after, 0));
    while (!stack_.empty()) RETURN_IF_ERROR(Step());
    return {};
  }

 private:
  struct Side {
    std::unique_ptr<DirectoryCursor> cursor;  // nothing: not there
    const Node* node = nullptr;
    bool used = true;

    Result<const Node*> Peek() {
      if (cursor == nullptr) return nullptr;
      if (!used) return node;
      ASSIGN_OR_RETURN(node, cursor->Next());
      used = false;
      return node;
    }
  };
  struct Frame {
    Side before, after;
    size_t length_above = 0;
  };

  Result<void> Enter(const BlobId* before, const BlobId* after, size_t length_above) {
    if (stack_.size() >= limits::kFolderDepthMax) return TooDeep().While(Where());
    Frame frame;
    if (before != nullptr) frame.before.cursor = std::make_unique<DirectoryCursor>(before_blobs_, *before);
    if (after != nullptr) frame.after.cursor = std::make_unique<DirectoryCursor>(after_blobs_, *after);
    frame.length_above = length_above;
    stack_.push_back(std::move(frame));
    return {};
  }

  Result<void> Step() {
    Frame& frame = stack_.back();
    auto peeked_before = frame.before.Peek().While(Where());
    RETURN_IF_ERROR(peeked_before);
    auto peeked_after = frame.after.Peek().While(Where());
    RETURN_IF_ERROR(peeked_after);
    const Node* before = *peeked_before;
    const Node* after = *peeked_after;
    if (before == nullptr && after == nullptr) {
      path_.Leave(frame.length_above);
      stack_.pop_back();
      return {};
    }
    if (before != nullptr && after != nullptr && before->name != after->name) {
      const bool before_first = before->name < after->name;
      (before_first ? after : before) = nullptr;
    }
    if (before != nullptr) frame.before.used = true;
    if (after != nullptr) frame.after.used = true;
    return Visit(before, after);
  }

  std::string Where() const { return path_.get().empty() ? "the root folder" : "folder " + PathForPeople(path_.get()); }

  Result<void> Visit(const Node* before, const Node* after) {
    const size_t length = path_.Enter((before != nullptr ? before : after)->name);
    std::optional<Difference> what;
    if (before == nullptr) {
      what = Difference::kAdded;
    } else if (after == nullptr) {
      what = Difference::kRemoved;
    } else {
      what = CompareNodes(*before, *after);
    }
    if (what) RETURN_IF_ERROR(each_(path_.get(), *what, before, after));
    const BlobId* before_root = IsFolder(before) ? &before->subtree->root : nullptr;
    const BlobId* after_root = IsFolder(after) ? &after->subtree->root : nullptr;
    const bool is_equal = before_root != nullptr && after_root != nullptr && *before_root == *after_root;
    if (is_equal || (before_root == nullptr && after_root == nullptr)) {
      path_.Leave(length);
      return {};
    }
    return Enter(before_root, after_root, length);
  }

  BlobSource& before_blobs_;
  BlobSource& after_blobs_;
  WalkPath path_;
  const EachDifference& each_;
  std::vector<Frame> stack_;
};

}  // namespace

Result<void> WalkTree(BlobSource& blobs, const BlobId& root, const TreePath& root_path, const TreeVisitor& visitor) {
  return TreeWalk(blobs, root_path, visitor).Run(root);
}

Result<void> DiffTrees(BlobSource& before_blobs, const BlobId& before, BlobSource& after_blobs, const BlobId& after,
                       const EachDifference& each) {
  return TreeDiff(before_blobs, after_blobs, each).Run(before, after);
}

}  // namespace cairn
