#include "engine/jobs/reachability.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <unordered_set>

#include "engine/tree/directory_reader.h"
#include "engine/tree/list_reader.h"
#include "engine/tree/tree_walker.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != nullptr) std::fclose(file);
  }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

}  // namespace

// A sorted run in a file without a name: it goes with its descriptor, also when the process dies.
struct IdSorter::Run {
  File file;
  std::optional<BlobId> front;
  Bytes buffer;
  size_t offset = 0;

  Result<void> Advance() {
    if (offset == buffer.size()) {
      buffer.resize(BlobId::kSize * 4096);
      const size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get());
      if (std::ferror(file.get()) != 0) return MakeError(ErrorCode::kIo, "reading a sorted run of blob ids failed");
      buffer.resize(got);
      offset = 0;
      if (got == 0) {
        front.reset();
        return {};
      }
    }
    front = BlobId::FromBytes(ByteSpan(buffer).subspan(offset, BlobId::kSize));
    offset += BlobId::kSize;
    return {};
  }
};

IdSorter::IdSorter(std::string folder, uint64_t memory_bytes)
    : folder_(std::move(folder)), ids_max_(std::max<size_t>(memory_bytes / BlobId::kSize, 1024)) {}
IdSorter::~IdSorter() = default;

Result<void> IdSorter::Add(const BlobId& id) {
  ids_.push_back(id);
  ++added_;
  return ids_.size() >= ids_max_ ? Spill() : Result<void>();
}

Result<void> IdSorter::Spill() {
  std::ranges::sort(ids_);
  const auto repeated = std::ranges::unique(ids_);
  ids_.erase(repeated.begin(), repeated.end());
  if (ids_.size() < ids_max_ / 2) return {};  // many were equal: there is room again
  std::string path = folder_ + "/ids-XXXXXX";
  const int descriptor = mkstemp(path.data());
  if (descriptor < 0) return ErrnoError(errno, "making a file for sorted blob ids in " + folder_);
  std::remove(path.c_str());
  auto run = std::make_unique<Run>();
  run->file.reset(fdopen(descriptor, "w+b"));
  for (const BlobId& id : ids_) {
    if (std::fwrite(id.bytes().data(), BlobId::kSize, 1, run->file.get()) != 1) {
      return ErrnoError(errno, "writing sorted blob ids in " + folder_);
    }
  }
  if (std::fflush(run->file.get()) != 0) return ErrnoError(errno, "writing sorted blob ids in " + folder_);
  std::rewind(run->file.get());
  runs_.push_back(std::move(run));
  ids_.clear();
  return {};
}

Result<void> IdSorter::StartReading() {
  next_ = 0;
  last_.reset();
  for (auto& run : runs_) {
    std::rewind(run->file.get());
    run->buffer.clear();
    run->offset = 0;
  }
  std::ranges::sort(ids_);
  const auto repeated = std::ranges::unique(ids_);
  ids_.erase(repeated.begin(), repeated.end());
  for (auto& run : runs_) RETURN_IF_ERROR(run->Advance());
  return {};
}

Result<std::optional<BlobId>> IdSorter::Next() {
  for (;;) {
    Run* smallest = nullptr;
    for (auto& run : runs_) {
      if (run->front && (smallest == nullptr || *run->front < *smallest->front)) smallest = run.get();
    }
    std::optional<BlobId> id;
    if (next_ < ids_.size() && (smallest == nullptr || ids_[next_] <= *smallest->front)) {
      id = ids_[next_++];
    } else if (smallest != nullptr) {
      id = smallest->front;
      RETURN_IF_ERROR(smallest->Advance());
    }
    if (!id) return std::optional<BlobId>();
    if (last_ && *last_ == *id) continue;
    last_ = id;
    return id;
  }
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
      RETURN_IF_ERROR(MarkTree(item.root));
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
  Result<void> MarkTree(const BlobId& root) {
    TreePath path;
    std::vector<Level> levels(1);
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
