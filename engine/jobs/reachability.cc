#include "engine/jobs/reachability.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <iterator>
#include <mutex>
#include <optional>
#include <unordered_set>
#include <utility>

#include "engine/tree/directory_reader.h"
#include "engine/tree/list_reader.h"
#include "engine/tree/tree_walker.h"
#include "repo-format/limits.h"

namespace cairn {

IdSorter::IdSorter(const std::string& folder, uint64_t memory_bytes)
    : folder_(folder),
      reader_bytes_(memory_bytes / 4),
      sorter_({.folder = folder, .record_bytes = BlobId::kSize, .memory_bytes = memory_bytes - reader_bytes_}) {}

Result<void> IdSorter::StartReading() {
  reader_ = nullptr;  // before there is another
  RETURN_IF_ERROR(sorter_.EndAdding());
  ASSIGN_OR_RETURN(reader_, sorter_.Read({}, {}, reader_bytes_));
  return {};
}

Result<std::optional<BlobId>> IdSorter::Next() {
  ASSIGN_OR_RETURN(const ByteSpan id, reader_->Next());
  return id.empty() ? std::optional<BlobId>() : BlobId::FromBytes(id);
}

namespace {

constexpr size_t kIdsAtOnce = 4096;

// Marks what snapshots need: the caller's thread and those of the executor that come to it. Each has a stack of its
// own, and gives of it where another has nothing: in one thread the order is that of the tree.
class Marker {
 public:
  Marker(const JobContext& context, BlobReader& blobs, IdSorter& ids, const MarkFailed& failed)
      : context_(context), blobs_(blobs), ids_(ids), failed_(failed) {}

  // Who comes after the end has nothing to do, and must not touch what the caller had.
  static Result<void> Run(const std::shared_ptr<Marker>& marker, const std::vector<const LoadedSnapshot*>& snapshots) {
    RETURN_IF_ERROR(marker->AddRoots(snapshots));
    Executor& executor = marker->context_.executor;
    for (unsigned n = 1; n < executor.workers(); ++n) {
      executor.Submit([marker] { marker->Work(); });
    }
    marker->Work();
    std::unique_lock lock(marker->mutex_);
    marker->changed_.wait(lock, [&] { return marker->at_work_ == 0; });
    marker->ended_ = true;
    if (marker->error_) return *marker->error_;
    return {};
  }

 private:
  // One that waits to be marked. Its path is put together where somebody has to be told.
  struct Folder {
    std::shared_ptr<const Folder> above;  // of the root of an item: none, and `name` is its place
    Bytes name;
    BlobId root;
    unsigned depth = 0;
    const LoadedSnapshot* snapshot = nullptr;
    bool is_last_root = false;  // of the snapshot's
  };
  using Folders = std::vector<std::shared_ptr<const Folder>>;

  Result<void> AddRoots(const std::vector<const LoadedSnapshot*>& snapshots) {
    for (const LoadedSnapshot* snapshot : snapshots) {
      for (const SnapshotItem& item : snapshot->inner.items) {
        if (item.command_line) RETURN_IF_ERROR(ids_.Add(item.command_line->id));
        waiting_.push_back(std::make_shared<Folder>(Folder{nullptr, snapshot->inner.PlaceOf(item), item.root, 0,
                                                           snapshot, &item == &snapshot->inner.items.back()}));
      }
    }
    std::ranges::reverse(waiting_);
    return {};
  }

  void Work() {
    std::unique_lock lock(mutex_);
    if (ended_) return;
    ++at_work_;
    while (AwaitFolder(lock)) {
      Folders own = {std::move(waiting_.back())};
      waiting_.pop_back();
      ++busy_;
      lock.unlock();
      auto marked = MarkAll(own);
      lock.lock();
      --busy_;
      if (!marked && !error_) error_ = std::move(marked).error();
      has_failed_ = error_.has_value();
      if (busy_ == 0 || error_) changed_.notify_all();
    }
    --at_work_;
    changed_.notify_all();
  }

  // False: none comes any more.
  bool AwaitFolder(std::unique_lock<std::mutex>& lock) {
    while (!error_ && waiting_.empty() && busy_ > 0) {
      ++idle_;
      changed_.wait(lock);
      --idle_;
    }
    return !error_ && !waiting_.empty();
  }

  Result<void> MarkAll(Folders& own) {
    Folders below;
    while (!own.empty() && !has_failed_) {
      const auto folder = std::move(own.back());
      own.pop_back();
      if (folder->is_last_root) ++context_.progress.items_done;
      below.clear();
      RETURN_IF_ERROR(MarkFolder(folder, below));
      own.insert(own.end(), std::move_iterator(below.rbegin()), std::move_iterator(below.rend()));
      if (idle_ > 0 && own.size() > 1) Give(own);
    }
    return {};
  }

  // The half that is farthest from its turn: the largest trees.
  void Give(Folders& own) {
    const std::lock_guard lock(mutex_);
    const auto end = own.begin() + static_cast<ptrdiff_t>(own.size() / 2);
    waiting_.insert(waiting_.end(), std::move_iterator(own.begin()), std::move_iterator(end));
    own.erase(own.begin(), end);
    changed_.notify_all();
  }

  // Ids on their way to the sorter.
  class Ids {
   public:
    explicit Ids(Marker& marker) : marker_(marker) {}
    Result<void> Add(const BlobId& id) {
      ids_.push_back(id);
      return ids_.size() < kIdsAtOnce ? Result<void>() : Flush();
    }
    Result<void> Flush() {
      const std::lock_guard lock(marker_.ids_mutex_);
      for (const BlobId& id : ids_) RETURN_IF_ERROR(marker_.ids_.Add(id));
      ids_.clear();
      return marker_.ids_.failure();
    }

   private:
    Marker& marker_;
    std::vector<BlobId> ids_;
  };

  bool IsFirst(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    return seen_.insert(id).second;
  }

  static TreePath PathOf(const Folder& folder) {
    std::vector<const Folder*> way;
    for (const Folder* one = &folder; one != nullptr; one = one->above.get()) way.push_back(one);
    TreePath path;
    for (auto one = way.rbegin(); one != way.rend(); ++one) path = JoinPath(path, (*one)->name);
    return path;
  }
  Result<void> Failed(const Folder& folder, const TreePath& path, const Error& error) {
    const std::lock_guard lock(failed_mutex_);
    return failed_(*folder.snapshot, PathForPeople(path), error);
  }

  // All of one folder but what is in its folders, which are added to `below`.
  Result<void> MarkFolder(const std::shared_ptr<const Folder>& folder, Folders& below) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while marking");
    if (folder->depth > limits::kFolderDepthMax) {
      return Failed(*folder, PathOf(*folder), Corrupt("folders are nested deeper than the format allows"));
    }
    Ids ids(*this);
    RETURN_IF_ERROR(ForEachDirectoryBlob(
        blobs_, folder->root,
        [&](const BlobId& id) -> Result<bool> {
          RETURN_IF_ERROR(ids.Add(id));
          return IsFirst(id);
        },
        [&](const Node& node) -> Result<void> {
          for (const Attribute& attribute : node.attributes) {
            if (attribute.blob) RETURN_IF_ERROR(ids.Add(attribute.blob->id));
          }
          if (node.content) RETURN_IF_ERROR(MarkContent(*folder, node, ids));
          if (node.subtree) {
            below.push_back(std::make_shared<Folder>(
                Folder{folder, node.name, node.subtree->root, folder->depth + 1, folder->snapshot}));
          }
          return {};
        },
        [&](const BlobId&, const Error& error) { return Failed(*folder, PathOf(*folder), error); }));
    return ids.Flush();
  }

  Result<void> MarkContent(const Folder& folder, const Node& node, Ids& ids) {
    Result<void> added;
    const auto add = [&](uint64_t, const ListEntry& entry) -> Result<void> {
      if (entry.type != ListEntry::Type::kHole) added = ids.Add(entry.id);
      return added;
    };
    if (node.content->depth == 0) {
      for (const ListEntry& entry : node.content->entries) RETURN_IF_ERROR(add(0, entry));
      return {};
    }
    auto lists = ForEachListBlob(blobs_, *node.content, [&](const BlobId& id) -> Result<bool> {
      added = ids.Add(id);
      RETURN_IF_ERROR(added);
      return true;
    });
    if (lists && IsFirst(node.content->root.id)) {
      lists = ForEachEntry(blobs_, *node.content, 0, UINT64_MAX, add);
    }
    RETURN_IF_ERROR(added);  // that is not of the snapshot
    if (lists || EndsJob(lists.error().code())) return lists;
    return Failed(folder, JoinPath(PathOf(folder), node.name), lists.error());
  }

  const JobContext& context_;
  BlobReader& blobs_;
  IdSorter& ids_;
  std::mutex ids_mutex_;  // guards ids_
  const MarkFailed& failed_;
  std::mutex failed_mutex_;  // held while it is called
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  Folders waiting_;                  // the next one is the last
  unsigned busy_ = 0, at_work_ = 0;  // with folders, and at all
  bool ended_ = false;
  std::optional<Error> error_;
  std::unordered_set<BlobId> seen_;      // metadata blobs that were walked: all below them is marked, or will be
  std::atomic<bool> has_failed_{false};  // error_ is set
  std::atomic<unsigned> idle_{0};        // who waits for folders; written under mutex_
};

}  // namespace

Result<void> MarkReachable(const JobContext& context, BlobReader& blobs,
                           const std::vector<const LoadedSnapshot*>& snapshots, IdSorter& ids,
                           const MarkFailed& failed) {
  return Marker::Run(std::make_shared<Marker>(context, blobs, ids, failed), snapshots);
}

}  // namespace cairn
