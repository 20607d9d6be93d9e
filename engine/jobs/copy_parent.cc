#include "engine/jobs/copy_parent.h"

#include <algorithm>

#include "engine/tree/directory_reader.h"

namespace cairn {
namespace {

bool IsInside(const TreePath& path, const TreePath& folder) {
  if (folder.empty() || path == folder) return true;
  return path.size() > folder.size() && path[folder.size()] == '/' &&
         std::equal(folder.begin(), folder.end(), path.begin());
}

TreePath FolderOf(const TreePath& path) {
  const auto slash = std::find(path.rbegin(), path.rend(), uint8_t{'/'});
  return slash == path.rend() ? TreePath() : TreePath(path.begin(), slash.base() - 1);
}

// As far as it can be told of blobs that have other ids; by these lists are cut, so that theirs may be others.
bool HasTheSameShape(const Node& before, const Node& copy) {
  if (!before.content || !copy.content || before.type != copy.type || before.size != copy.size ||
      before.modified != copy.modified || before.attributes.size() != copy.attributes.size()) {
    return false;
  }
  if (before.content->depth > 0 || copy.content->depth > 0) return true;
  return std::ranges::equal(before.content->entries, copy.content->entries, [](const auto& a, const auto& b) {
    ListEntry renamed = b;
    renamed.id = a.id;
    return a == renamed;
  });
}

}  // namespace

void CopyParent::Begin(const SnapshotItem& item) {
  folders_.clear();
  const auto find = [&](const SnapshotInner& inner) -> const SnapshotItem* {
    for (const SnapshotItem& one : inner.items) {
      if (one.name == item.name && one.kind == item.kind) return &one;
    }
    return nullptr;
  };
  const SnapshotItem* before = find(before_);
  const SnapshotItem* copy = find(copy_);
  if (before != nullptr && copy != nullptr) folders_.push_back({TreePath(), before->root, copy->root});
}

std::optional<Node> CopyParent::Find(const TreePath& path, const Node& node) {
  const TreePath folder = FolderOf(path);
  while (!folders_.empty() && !IsInside(folder, folders_.back().path)) folders_.pop_back();
  if (folders_.empty() || folders_.back().path != folder) return std::nullopt;
  const auto before = FindNode(source_, folders_.back().before, node.name);
  if (!before || !*before) return std::nullopt;
  const Node& was = **before;
  const bool is_same_file = node.content && node.content == was.content && node.attributes == was.attributes;
  if (!is_same_file && !(node.subtree && was.subtree)) return std::nullopt;
  auto copy = FindNode(target_, folders_.back().copy, node.name);
  if (!copy || !*copy) return std::nullopt;
  if (node.subtree) {
    if ((*copy)->subtree) folders_.push_back({path, was.subtree->root, (*copy)->subtree->root});
    return std::nullopt;
  }
  if (!HasTheSameShape(was, **copy)) return std::nullopt;
  return std::move(**copy);
}

}  // namespace cairn
