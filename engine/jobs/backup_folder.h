// A folder of a backup between its listing and its tree.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "engine/jobs/file_cache.h"
#include "engine/jobs/known_entries.h"
#include "engine/source/source.h"
#include "engine/tree/directory_builder.h"
#include "repo-format/tree_path.h"

namespace cairn {

// The walk lists it and numbers its entries; nodes complete on any thread, and are fed to the builder in order. The
// members that are named here are the walk's alone; the functions are safe for concurrent use.
class BackupFolder {
 public:
  // The root. Borrows the sink and the cache, which may be missing.
  BackupFolder(AddingSink& metadata_sink, FileCacheWriter* next_cache);
  // A folder in `parent`.
  BackupFolder(std::shared_ptr<BackupFolder> parent, const SourceEntry& entry, uint64_t number);

  const std::shared_ptr<BackupFolder>& parent() const { return parent_; }
  unsigned depth() const { return depth_; }
  TreePath Path() const;

  std::shared_ptr<SourceFolder> source;
  KnownFolder known;
  std::optional<Node> node;  // without its subtree; nothing for the root

  // The entry of this number is done; nothing: it is left out.
  Result<void> Complete(uint64_t number, std::optional<CachedEntry> done);
  // The walk has left it: so many entries there are.
  void SetCount(uint64_t count);
  // When the last entry is in, to the first who asks: the tree. Then the folder is done.
  Result<std::optional<Subtree>> TakeSubtree();
  // To its parent, once TakeSubtree gave one.
  Result<void> CompleteInParent(const Subtree& subtree);

 private:
  struct Slot {
    bool complete = false;
    std::optional<CachedEntry> entry;
  };

  AddingSink& metadata_sink_;
  FileCacheWriter* const next_cache_;
  const std::shared_ptr<BackupFolder> parent_;
  const uint64_t number_in_parent_ = 0;
  const ChangeMark mark_;
  const unsigned depth_ = 0;
  // Names of thousands of folders, each in those around it, would otherwise be kept as often as they are deep.
  bool is_path_kept_ = true;
  TreePath path_;  // or, where it is not kept, the name alone

  std::mutex mutex_;
  // Guarded by mutex_.
  std::deque<Slot> waiting_;  // for an earlier entry
  uint64_t first_ = 0;        // number of the front of waiting_
  std::optional<uint64_t> count_;
  std::unique_ptr<DirectoryBuilder> builder_;
  FileCacheWriter::Folder cached_;
  bool finished_ = false;
};

}  // namespace cairn
