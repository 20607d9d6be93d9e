// What this machine remembers of the entries of the last backup, so that unchanged ones are neither read nor looked up
// in trees that a put-only key cannot open.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/env/file_system.h"
#include "engine/index/index.h"
#include "engine/repo/local_cache.h"
#include "engine/source/sink.h"
#include "engine/source/source.h"
#include "engine/tree/directory_builder.h"
#include "repo-format/node.h"

namespace cairn {

// An entry as it was: its mark then, and the node that was stored for it. Of most of them the node is never read: what
// is unchanged goes into the next directory and the next cache as it is.
struct CachedEntry {
  ChangeMark mark;
  NodeType type = NodeType::kFile;
  bool changed_while_read = false;
  WrittenNode node;

  static CachedEntry Of(const Node& node, const ChangeMark& mark);
  Result<Node> ReadNode() const;
};

// A file cache is a folder of block files of about 4 MiB below the repository's local cache, each with a check of its
// own, and an index from folders (by a 64-bit hash of their path) to groups of entries in them. A pointer file makes a
// new one valid at once, after the commit. A damaged block gives no entries: these files are read again.
//
// Entries of a folder are asked for in ascending order of names. One thread at a time.
class FileCacheReader {
 public:
  // `key` names the item: FileCacheKey. Nothing where there is none.
  static std::unique_ptr<FileCacheReader> Open(FileSystem& files, const LocalCache& cache, const std::string& key);

  // The snapshot whose entries these are, and what the index was when it was known that all of them are stored.
  const SnapshotId& snapshot() const { return snapshot_; }
  const IndexGeneration& generation() const { return generation_; }

  // Walks the entries of one folder in order of names, beside the source's.
  class Folder {
   public:
    // The entry of this name, where it was there; names ascend from call to call.
    std::optional<CachedEntry> Find(ByteSpan name);

   private:
    friend class FileCacheReader;
    bool ReadNext();

    FileCacheReader* cache_ = nullptr;
    std::vector<std::pair<uint32_t, uint32_t>> groups_;  // block, offset: those still to be read
    size_t next_group_ = 0;
    std::shared_ptr<const Bytes> block_;  // in which the group is
    ByteSpan group_;                      // what is left of it
    std::optional<CachedEntry> next_;     // read, and not yet asked for
    Digest path_;
  };
  Folder OpenFolder(const TreePath& path);

 private:
  FileCacheReader(FileSystem& files, std::string folder) : files_(files), folder_(std::move(folder)) {}
  bool LoadIndex();
  std::shared_ptr<const Bytes> Block(uint32_t number);
  bool ReadGroup(Folder& folder);

  FileSystem& files_;
  const std::string folder_;
  SnapshotId snapshot_;
  IndexGeneration generation_{};
  struct Place {
    uint64_t path_hash = 0;
    uint32_t block = 0, offset = 0;
  };
  std::vector<Place> places_;  // ascending by hash, then by the order of writing
  std::list<std::pair<uint32_t, std::shared_ptr<const Bytes>>> recent_;  // a few blocks
};

// Writes the next cache while a backup runs. Safe for concurrent use: folders complete on any thread. Best effort:
// after an error nothing more is written, and Commit keeps the old cache.
class FileCacheWriter {
 public:
  FileCacheWriter(FileSystem& files, LocalCache& cache, const Random& random, std::string key);
  ~FileCacheWriter();  // removes what was not committed

  // Gathers the entries of one folder in order of names.
  class Folder {
   public:
    explicit Folder(const TreePath& path = {});
    void Add(const CachedEntry& entry);

   private:
    friend class FileCacheWriter;
    Digest path_;  // SHA-256
    WireWriter group_;
    uint64_t count_ = 0;
  };
  // Takes the gathered entries where they are many (about 1 MiB), or all of them when the folder is done.
  void Take(Folder& folder, bool done);
  // Makes it valid for this snapshot, whose blobs were all there at `generation`, and removes the old one, and what
  // killed backups have left.
  void Commit(const SnapshotId& snapshot, const IndexGeneration& generation);

 private:
  void PutBlock();
  void RemoveStale();

  FileSystem& files_;
  LocalCache& cache_;
  const std::string key_;
  const std::string name_;    // of the folder of blocks
  const std::string folder_;  // its path
  std::mutex mutex_;
  bool failed_ = false;
  bool committed_ = false;
  WireWriter block_;
  uint32_t block_number_ = 0;
  std::vector<std::tuple<uint64_t, uint32_t, uint32_t>> places_;
};

// Names an item for its cache: SHA-256 over host, kind and paths, in hex; and over `name`, which is empty but where
// another item of the same snapshot has the same paths.
std::string FileCacheKey(ByteSpan host, ItemKind kind, const std::vector<Bytes>& paths, std::string_view name = {});

}  // namespace cairn
