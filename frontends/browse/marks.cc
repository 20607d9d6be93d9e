#include "frontends/browse/marks.h"

#include <algorithm>

namespace cairn::browse {
namespace {

bool IsBelow(const TreePath& path, const TreePath& folder) {
  return path.size() > folder.size() && path[folder.size()] == '/' &&
         Equal(ByteSpan(path).first(folder.size()), folder);
}

TreePath FolderOf(const TreePath& path) {
  const auto slash = std::ranges::find(path.rbegin(), path.rend(), '/');
  return slash == path.rend() ? TreePath() : TreePath(path.begin(), slash.base() - 1);
}

}  // namespace

Result<void> Marks::Toggle(const TreePath& path, const Mark& mark) {
  if (marks_.erase(path) > 0) return {};
  if (Covers(path)) return Error(ErrorCode::kInvalidArgument, "it is in a folder that is marked");
  if (mark.is_folder) std::erase_if(marks_, [&](const auto& one) { return IsBelow(one.first, path); });
  if (marks_.size() >= kCountMax) {
    return MakeError(ErrorCode::kInvalidArgument, "no more than {} can be marked: mark the folder", kCountMax);
  }
  marks_.emplace(path, mark);
  return {};
}

bool Marks::Covers(const TreePath& path) const {
  if (marks_.empty()) return false;
  for (size_t end = 0; end < path.size(); ++end) {
    if (path[end] == '/' && marks_.contains(TreePath(path.begin(), path.begin() + static_cast<ptrdiff_t>(end)))) {
      return true;
    }
  }
  return marks_.contains(path);
}

bool Marks::HasBelow(const TreePath& folder) const {
  if (folder.empty()) return !marks_.empty();
  TreePath first = folder;
  first.push_back('/');
  const auto next = marks_.lower_bound(first);
  return next != marks_.end() && IsBelow(next->first, folder);
}

TreePath Marks::CommonFolder() const {
  if (marks_.empty()) return {};
  TreePath common = FolderOf(marks_.begin()->first);
  for (const auto& [path, mark] : marks_) {
    while (!common.empty() && !IsBelow(path, common)) common = FolderOf(common);
  }
  return common;
}

}  // namespace cairn::browse
