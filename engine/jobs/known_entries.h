// Which entries are unchanged since the last backup.
#pragma once

#include <memory>
#include <optional>

#include "engine/jobs/blob_target.h"
#include "engine/jobs/file_cache.h"
#include "engine/tree/directory_reader.h"

namespace cairn {

// Where unchanged entries are known from. Both may be missing.
struct KnownEntries {
  FileCacheReader* cache = nullptr;  // of this machine
  bool cache_is_trusted = false;     // its snapshot may be reused without look-ups (SPEC 13.3)
  BlobSource* blobs = nullptr;       // for lists, and the parent's tree where there is no cache, if this role may
  std::optional<BlobId> parent_root;

  // May what is known stand for what is there, unread? It looks unchanged, and all that it refers to is stored.
  Result<bool> CanReuse(const CachedEntry& known, const SourceEntry& entry, BlobTarget& target) const;

 private:
  Result<bool> AreStored(const Content& content, BlobTarget& target) const;
};

// One folder as the last backup saw it, read beside the walk: names are asked for in ascending order. One thread.
class KnownFolder {
 public:
  KnownFolder() = default;  // nothing is known
  static KnownFolder OfRoot(const KnownEntries& all);
  // The folder `entry` in this one, at `path`.
  KnownFolder Open(const KnownEntries& all, const CachedEntry& entry, const TreePath& path) const;
  std::optional<CachedEntry> Find(const SourceEntry& entry);

 private:
  std::optional<CachedEntry> FindInTree(const SourceEntry& entry);

  bool is_cached_ = false;
  FileCacheReader::Folder cached_;
  std::unique_ptr<DirectoryCursor> tree_;
  const Node* next_ = nullptr;  // of tree_
  bool has_begun_ = false;
};

}  // namespace cairn
