#include "engine/jobs/reachability.h"

#include <unordered_set>

#include "engine/tree/directory_reader.h"
#include "engine/tree/list_reader.h"
#include "engine/tree/tree_walker.h"
#include "repo-format/limits.h"

namespace cairn {

IdSorter::IdSorter(const std::string& folder, uint64_t memory_bytes)
    : reader_bytes_(memory_bytes / 4),
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

// Marks what one snapshot needs. `seen` are metadata blobs that were walked before: all below them is marked.
class Marker {
 public:
  Marker(const JobContext& context, BlobReader& blobs, IdSorter& ids, const MarkFailed& failed)
      : context_(context), blobs_(blobs), ids_(ids), failed_(failed) {}

  Result<void> Mark(const LoadedSnapshot& snapshot) {
    snapshot_ = &snapshot;
    for (const SnapshotItem& item : snapshot.inner.items) {
      if (item.command_line) RETURN_IF_ERROR(ids_.Add(item.command_line->id));
      RETURN_IF_ERROR(MarkTree(item.root, snapshot.inner.PlaceOf(item)));
    }
    return {};
  }

 private:
  // Folders that wait to be marked, of one folder, in order.
  struct Level {
    std::vector<std::pair<Bytes, BlobId>> folders;
    size_t next = 0;
    size_t length_above = 0;  // of the path
  };

  // With a stack of its own: folders may be nested deeper than a thread's holds.
  Result<void> MarkTree(const BlobId& root, TreePath path) {
    std::vector<Level> levels(1);
    levels.front().length_above = path.size();
    RETURN_IF_ERROR(MarkFolder(path, root, levels.back().folders));
    while (!levels.empty()) {
      Level& level = levels.back();
      if (level.next == level.folders.size()) {
        path.resize(level.length_above);
        levels.pop_back();
        continue;
      }
      const auto [name, id] = std::move(level.folders[level.next++]);
      const size_t length = path.size();
      path = JoinPath(path, name);
      if (levels.size() > limits::kFolderDepthMax) {
        RETURN_IF_ERROR(
            failed_(*snapshot_, PathForPeople(path), Corrupt("folders are nested deeper than the format allows")));
        path.resize(length);
        continue;
      }
      Level below{.length_above = length};
      RETURN_IF_ERROR(MarkFolder(path, id, below.folders));
      levels.push_back(std::move(below));
    }
    return {};
  }

  // All of one folder but what is in its folders, which are added to `folders`.
  Result<void> MarkFolder(const TreePath& path, const BlobId& root, std::vector<std::pair<Bytes, BlobId>>& folders) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while marking");
    return ForEachDirectoryBlob(
        blobs_, root,
        [&](const BlobId& id) -> Result<bool> {
          RETURN_IF_ERROR(ids_.Add(id));
          return seen_.insert(id).second;
        },
        [&](const Node& node) -> Result<void> {
          for (const Attribute& attribute : node.attributes) {
            if (attribute.blob) RETURN_IF_ERROR(ids_.Add(attribute.blob->id));
          }
          if (node.content) RETURN_IF_ERROR(MarkContent(path, node));
          if (node.subtree) folders.emplace_back(node.name, node.subtree->root);
          return {};
        },
        [&](const BlobId&, const Error& error) { return failed_(*snapshot_, PathForPeople(path), error); });
  }

  Result<void> MarkContent(const TreePath& folder, const Node& node) {
    const auto add = [&](uint64_t, const ListEntry& entry) -> Result<void> {
      return entry.type == ListEntry::Type::kHole ? Result<void>() : ids_.Add(entry.id);
    };
    if (node.content->depth == 0) {
      for (const ListEntry& entry : node.content->entries) RETURN_IF_ERROR(add(0, entry));
      return {};
    }
    auto lists = ForEachListBlob(blobs_, *node.content, [&](const BlobId& id) -> Result<bool> {
      RETURN_IF_ERROR(ids_.Add(id));
      return true;
    });
    if (lists && seen_.insert(node.content->root.id).second) {
      lists = ForEachEntry(blobs_, *node.content, 0, UINT64_MAX, add);
    }
    RETURN_IF_ERROR(ids_.failure());  // that is not of the snapshot
    if (lists || lists.error().code() == ErrorCode::kInterrupted) return lists;
    return failed_(*snapshot_, PathForPeople(JoinPath(folder, node.name)), lists.error());
  }

  const JobContext& context_;
  BlobReader& blobs_;
  IdSorter& ids_;
  const MarkFailed& failed_;
  const LoadedSnapshot* snapshot_ = nullptr;
  std::unordered_set<BlobId> seen_;
};

}  // namespace

Result<void> MarkReachable(const JobContext& context, BlobReader& blobs,
                           const std::vector<const LoadedSnapshot*>& snapshots, IdSorter& ids,
                           const MarkFailed& failed) {
  Marker marker(context, blobs, ids, failed);
  for (const LoadedSnapshot* snapshot : snapshots) {
    RETURN_IF_ERROR(marker.Mark(*snapshot));
    ++context.progress.items_done;
  }
  return {};
}

}  // namespace cairn
