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
#include "engine/jobs/blob_target.h"
#include "engine/jobs/file_cache.h"
#include "engine/repo/blob_reader.h"
#include "engine/tree/directory_builder.h"
#include "engine/tree/directory_reader.h"

namespace cairn {

class ListBuilder;

// Where unchanged entries are known from. Both may be missing.
struct KnownEntries {
  FileCacheReader* cache = nullptr;  // of this machine
  bool cache_is_trusted = false;     // its snapshot may be reused without look-ups (SPEC 13.3)
  BlobSource* blobs = nullptr;       // for lists, and the parent's tree where there is no cache, if this role may
  std::optional<BlobId> parent_root;
};

struct ItemResult {
  SnapshotItem item;
  SnapshotTotals totals;
  uint64_t files_new = 0, files_changed = 0, files_unchanged = 0;
  uint64_t bytes_read = 0;
};

// One item, once. Threads: the caller's walks; context.executor's read, chunk, hash, compress and seal. Memory: the
// queue of files to read is bounded by a byte budget, and each worker has one read buffer, one open frame and one
// chunk.
class ItemBackup {
 public:
  ItemBackup(const JobContext& context, BlobTarget& target, Source& source, const ChunkerSettings& chunker,
             ByteSpan chunking_key, const KnownEntries& known, FileCacheWriter* next_cache, bool force,
             FindingSink findings);
  ~ItemBackup();
  Result<ItemResult> Run();

 private:
  struct Folder;
  struct Worker;
  struct Job;

  struct OpenFolder;

  // Down the tree, with a stack of its own: folders may be nested deeper than a thread's would hold.
  Result<void> Walk(const std::shared_ptr<Folder>& root);
  Result<std::vector<SourceEntry>> List(const Folder& folder);
  // The folder that is to be walked next, where the entry is one.
  Result<std::shared_ptr<Folder>> VisitEntry(const std::shared_ptr<Folder>& folder, SourceEntry entry, uint64_t number);
  Result<void> LeaveFolder(const std::shared_ptr<Folder>& folder, uint64_t count);
  Result<std::shared_ptr<Folder>> EnterFolder(const std::shared_ptr<Folder>& parent, SourceEntry entry,
                                              uint64_t number);
  std::optional<CachedEntry> FindKnown(Folder& folder, const SourceEntry& entry);
  Result<bool> CanReuse(const CachedEntry& known, const SourceEntry& entry);
  Result<bool> KnowsContent(const Content& content);
  Result<void> SubmitBatch();
  Result<std::optional<Node>> ReadNode(Worker& worker, Job& job);
  static bool IsUnchanged(const Job& job, const Node& node);
  Result<void> ReadContent(Worker& worker, SourceFile& file, const SourceEntry& entry, Node& node,
                           std::optional<Error>& unreadable);
  Result<void> ReadExtent(Worker& worker, SourceFile& file, ListBuilder& list, std::optional<Error>& unreadable);
  // False: not all of them, which was told.
  Result<bool> StoreAttributes(Worker& worker, const SourceMetadata& metadata, Node& node, const TreePath& path);
  Result<Node> MakeNode(Worker& worker, const SourceEntry& entry, SourceMetadata metadata, const TreePath& path);
  void Complete(const std::shared_ptr<Folder>& folder, uint64_t number, std::optional<Node> node,
                const ChangeMark& mark);
  Result<void> Feed(Folder& folder);
  void FinishFolder(const std::shared_ptr<Folder>& folder);
  std::unique_ptr<Worker> TakeWorker();
  void ReturnWorker(std::unique_ptr<Worker> worker);
  void Unread(const TreePath& path, const Error& error);
  void Fail(const Error& error);
  Result<void> FirstError();
  void WaitForJobs();

  const JobContext& context_;
  BlobTarget& target_;
  Source& source_;
  const ChunkerSettings chunker_;
  const Bytes gear_material_;
  const KnownEntries known_;
  FileCacheWriter* const next_cache_;
  const bool force_;
  FindingSink findings_;
  std::mutex findings_mutex_;

  std::unique_ptr<AddingSink> metadata_sink_;  // shared by all folders and lists
  ByteBudget queue_;
  std::vector<Job> batch_;
  uint64_t batch_bytes_ = 0;

  std::mutex mutex_;
  std::condition_variable_any idle_;
  std::vector<std::unique_ptr<Worker>> workers_;  // guarded by mutex_: those not in use
  uint64_t jobs_ = 0;                             // guarded by mutex_: batches under way
  std::optional<Error> error_;                    // guarded by mutex_
  std::optional<Subtree> root_;                   // guarded by mutex_

  std::atomic<uint64_t> files_{0}, folders_{0}, others_{0}, bytes_{0}, unread_{0};
  std::atomic<uint64_t> files_new_{0}, files_changed_{0}, files_unchanged_{0}, bytes_read_{0};
};

// The material of the gear table: SPEC section 12.
Bytes GearMaterial(ByteSpan chunking_key);

}  // namespace cairn
