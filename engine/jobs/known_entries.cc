#include "engine/jobs/known_entries.h"

#include <algorithm>

#include "engine/tree/list_reader.h"
#include "repo-format/tree_path.h"

namespace cairn {

Result<bool> KnownEntries::CanReuse(const CachedEntry& known, const SourceEntry& entry, BlobTarget& target) const {
  if (!entry.stable_mark || known.mark != entry.mark || known.type != entry.type) return false;
  if (known.changed_while_read) return false;
  if (cache != nullptr && cache_is_trusted) return true;
  const auto node = known.ReadNode();
  if (!node) return false;  // of a cache: it is read again
  if (entry.type == NodeType::kFile) {
    if (!node->content) return Corrupt("file {} has no content", PathForPeople(node->name));
    ASSIGN_OR_RETURN(const bool all, AreStored(*node->content, target));
    if (!all) return false;
  }
  for (const Attribute& attribute : node->attributes) {
    if (!attribute.blob) continue;
    ASSIGN_OR_RETURN(const bool there, target.Knows(attribute.blob->id, attribute.blob->length));
    if (!there) return false;
  }
  return true;
}

// Lists that this role cannot read are answered with no: the file is read again.
Result<bool> KnownEntries::AreStored(const Content& content, BlobTarget& target) const {
  if (content.depth > 0 && blobs == nullptr) return false;
  bool all = true;
  const auto each = [&](uint64_t, const ListEntry& entry) -> Result<void> {
    if (!all || entry.type == ListEntry::Type::kHole) return {};
    ASSIGN_OR_RETURN(all, target.Knows(entry.id, static_cast<uint32_t>(entry.length)));
    return {};
  };
  if (content.depth == 0) {
    for (const ListEntry& entry : content.entries) RETURN_IF_ERROR(each(0, entry));
    return all;
  }
  auto lists = ForEachListBlob(*blobs, content, [&](const BlobId& id) -> Result<bool> {
    if (all) {
      ASSIGN_OR_RETURN(all, target.Knows(id, std::nullopt));
    }
    return all;
  });
  if (!lists || !all) return false;
  if (!ForEachEntry(*blobs, content, 0, UINT64_MAX, each)) return false;
  return all;
}

KnownFolder KnownFolder::OfRoot(const KnownEntries& all) {
  KnownFolder folder;
  folder.is_cached_ = all.cache != nullptr;
  if (all.cache != nullptr) folder.cached_ = all.cache->OpenFolder({});
  if (all.blobs != nullptr && all.parent_root) {
    folder.tree_ = std::make_unique<DirectoryCursor>(*all.blobs, *all.parent_root);
  }
  return folder;
}

KnownFolder KnownFolder::Open(const KnownEntries& all, const CachedEntry& entry, const TreePath& path) const {
  KnownFolder folder;
  if (entry.type != NodeType::kFolder) return folder;
  folder.is_cached_ = is_cached_;
  if (is_cached_) {
    folder.cached_ = all.cache->OpenFolder(path);
  } else if (const auto node = entry.ReadNode(); node && all.blobs != nullptr && node->subtree) {
    folder.tree_ = std::make_unique<DirectoryCursor>(*all.blobs, node->subtree->root);
  }
  return folder;
}

std::optional<CachedEntry> KnownFolder::Find(const SourceEntry& entry) {
  if (is_cached_) return cached_.Find(entry.name);
  return tree_ != nullptr ? FindInTree(entry) : std::nullopt;
}

std::optional<CachedEntry> KnownFolder::FindInTree(const SourceEntry& entry) {
  while (!has_begun_ || (next_ != nullptr && std::ranges::lexicographical_compare(next_->name, entry.name))) {
    has_begun_ = true;
    auto next = tree_->Next();
    if (!next) {  // a damaged parent costs reading the files again, no more: check tells of it
      tree_.reset();
      next_ = nullptr;
      return std::nullopt;
    }
    next_ = *next;
    if (next_ == nullptr) break;
  }
  if (next_ == nullptr || next_->name != entry.name) return std::nullopt;
  // The tree keeps no inode: size, modification and status change must do. Where the last was left out (what may have
  // changed in the tick of its reading), none of them would tell of a change.
  ChangeMark mark = ChangeMark::Never();
  if (next_->changed) mark = {next_->size, next_->modified, *next_->changed, entry.mark.inode};
  return CachedEntry::Of(*next_, mark);
}

}  // namespace cairn
