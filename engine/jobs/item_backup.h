// Backs one item up: walks its source, reads what changed on several threads, and builds its tree.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/env/byte_budget.h"
#include "engine/jobs/backup.h"
#include "engine/jobs/backup_folder.h"
#include "engine/jobs/content_backup.h"
#include "engine/jobs/folder_ahead.h"

namespace cairn {

struct ItemBackupOptions {
  TreePath place;      // of the item in its snapshot: where several are, paths for people begin with it
  bool force = false;  // read everything again
};

struct ItemResult {
  SnapshotItem item;
  SnapshotTotals totals;
  uint64_t files_new = 0, files_changed = 0, files_unchanged = 0;
  uint64_t bytes_read = 0;
};

// One item, once. Threads: the caller's walks; context.executor's list folders ahead of it, and read, chunk, hash,
// compress and seal. Memory: the queue of files to read is bounded by a byte budget, ContentBackup says its own.
class ItemBackup {
 public:
  ItemBackup(const JobContext& context, BlobTarget& target, Source& source, const ContentCuts& cuts,
             ByteSpan chunking_key, const KnownEntries& known, FileCacheWriter* next_cache, ItemBackupOptions options,
             FindingSink findings);
  ~ItemBackup();
  Result<ItemResult> Run();

 private:
  struct Job;
  struct OpenFolder;
  using FolderPtr = std::shared_ptr<BackupFolder>;

  // Down the tree, with a stack of its own: folders may be nested deeper than a thread's would hold.
  Result<void> Walk(const FolderPtr& root);
  Result<void> Push(const FolderPtr& folder, Result<std::vector<SourceEntry>> entries);
  void Pop();
  void ReadAhead(OpenFolder& open);
  void ForgetAheadAbove(const OpenFolder& open);
  Result<FolderReading> TakeReading(OpenFolder& open, const SourceEntry& entry, uint64_t number);
  Result<void> VisitFolder(OpenFolder& open, const SourceEntry& entry, uint64_t number);
  Result<void> VisitOther(const FolderPtr& folder, SourceEntry entry, uint64_t number);
  void Reuse(const FolderPtr& folder, CachedEntry known, const SourceEntry& entry, uint64_t number);
  Result<void> SubmitBatch();
  void RunBatch(std::vector<Job>& batch);
  // An entry that is about to be read, and whether a change after that may have left its mark as it is.
  struct Opened {
    bool may_miss_change = true;
    Result<std::unique_ptr<SourceFile>> file;  // nullptr where it is none
    Result<SourceMetadata> metadata;
  };
  Opened Open(const Job& job) const;
  Result<std::optional<Node>> ReadNode(Job& job, Opened opened);
  void TellOfFile(const Job& job, const Node& node, const TreePath& path);
  static bool IsUnchanged(const Job& job, const Node& node);
  Result<void> ReadContent(SourceFile& file, const SourceEntry& entry, Node& node, std::optional<Error>& unreadable);
  // False: not all of them, which was told.
  Result<bool> StoreAttributes(const SourceMetadata& metadata, Node& node, const TreePath& path);
  Result<Node> MakeNode(const SourceEntry& entry, SourceMetadata metadata, const TreePath& path);
  void Complete(const FolderPtr& folder, uint64_t number, std::optional<CachedEntry> done);
  void FinishFolder(const FolderPtr& folder);
  ItemResult MakeResult() const;
  bool EndsBackup(const Error& error) const;
  Error Named(const TreePath& path, const Error& error) const;
  void Unread(const TreePath& path, const Error& error);
  void TellOfSource(Finding finding);
  void Tell(const Finding& finding);
  // A path of the item, as it is called in the snapshot.
  std::string Shown(const TreePath& path) const;
  void Fail(const Error& error);
  Result<void> FirstError();
  void WaitForJobs();

  const JobContext& context_;
  BlobTarget& target_;
  Source& source_;
  const ContentCuts cuts_;
  const Bytes chunking_key_;
  const KnownEntries known_;
  FileCacheWriter* const next_cache_;
  const ItemBackupOptions options_;
  FindingSink findings_;
  std::mutex findings_mutex_;

  std::unique_ptr<AddingSink> metadata_sink_;  // shared by all folders and lists
  std::unique_ptr<ContentBackup> contents_;    // from Run on
  ByteBudget queue_;
  std::vector<Job> batch_;
  uint64_t batch_bytes_ = 0;
  std::vector<OpenFolder> open_;  // from the root to where the walk is
  size_t ahead_ = 0;              // folders that are read ahead, in all of these
  const std::shared_ptr<AheadLoad> load_ahead_ = std::make_shared<AheadLoad>();

  std::mutex mutex_;
  std::condition_variable_any idle_;
  uint64_t jobs_ = 0;            // guarded by mutex_: batches under way
  std::optional<Error> error_;   // guarded by mutex_
  std::optional<Subtree> root_;  // guarded by mutex_

  std::atomic<uint64_t> files_{0}, folders_{0}, others_{0}, bytes_{0}, unread_{0};
  std::atomic<uint64_t> files_new_{0}, files_changed_{0}, files_unchanged_{0};
};

}  // namespace cairn
