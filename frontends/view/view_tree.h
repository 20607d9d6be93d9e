// What is shown of a repository: folders of snapshots, and in each snapshot its tree, as a restore would give it.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/crypto/short_hash.h"
#include "engine/env/finding.h"
#include "engine/tree/file_view.h"
#include "frontends/files/owner_names.h"
#include "frontends/view/database_files.h"
#include "frontends/view/snapshot_folders.h"

namespace cairn::view {

// One place of the tree: small, and enough to find it again. What is in a snapshot never changes; what is above may.
struct Place {
  enum class Kind : uint8_t {
    kFolders,  // a folder of snapshots
    kLatest,   // a link to one of its neighbours
    kItems,    // the root of a snapshot of several items
    kNode,     // in an item; without a name its root
    kMade,     // of an item: made of what is in it (DatabaseFiles), by its name
  };
  Kind kind = Kind::kFolders;
  bool is_folder = true;
  // Tell places apart, and are equal for all names of one file (hard links) and for as long as this program runs.
  // `number` is what is shown as the inode; a tree in two folders of snapshots has other numbers in each.
  uint64_t number = 0, check = 0;
  uint64_t tree_number = 0, tree_check = 0;  // of the root of the item that it is in
  Bytes name;              // of a node, of kMade; of folders of snapshots the path, of a link the target
  ShownSnapshot snapshot;  // kItems, kNode, kMade; of a link: which one it leads to
  uint32_t item = 0;       // kNode, kMade
  BlobId directory;        // kNode: in which it is; without a name: which it is; kMade: of the item
};

struct FoundPlace {
  Bytes name;
  Place place;
  struct stat status = {};  // without st_dev
  bool has_size = true;     // false: as it was asked for, status.st_size is not known yet; Status has it
};

struct ViewTreeOptions {
  uint64_t user = 0, group = 0;         // whose the folders of snapshots are
  WireTime opened;                      // the time of those that are not loaded yet
  bool owner_is_root = false;           // all of it is root's
  bool numeric_ids = false;             // owners by number, also where their names are known on this machine
  uint64_t link_entries_max = 200'000;  // of a snapshot whose names of files are counted; of all counts that are kept
  // Whether it is told how many names a file has and what its holes take, for which more is read than folders; else one
  // name, and no holes.
  bool counts = true;
  std::stop_token stop = {};  // ends what takes long to be made
};

// Safe for concurrent use. Borrows the blobs and the names. Errors: kNotFound of a folder that is no longer there;
// system_errno() is ESTALE where a snapshot was forgotten, and what was asked for is gone with it.
class ViewTree {
 public:
  // The folders as they are now, or were a few seconds ago; where there is a doubt, looked at again; what there is at
  // once, which is nullptr while they are loaded for the first time.
  enum class Look : uint8_t { kUsual, kDoubt, kAtOnce };
  using Folders = std::function<Result<std::shared_ptr<const SnapshotFolders>>(Look look)>;
  ViewTree(Folders folders, BlobSource& blobs, files::OwnerNames& names, const ViewTreeOptions& options,
           FindingSink findings);

  static Place Root();
  // Nothing: it is not there, or what it is cannot be shown.
  Result<std::optional<FoundPlace>> Find(const Place& folder, ByteSpan name);
  Result<struct stat> Status(const Place& place);
  // The node itself, for what only some of them have; nullptr where the place is none. Kept for a while.
  Result<std::shared_ptr<const Node>> NodeOf(const Place& place);
  Result<Bytes> Target(const Place& link);
  // The value; nothing where it has none of this name.
  Result<std::optional<Bytes>> Attribute(const Place& place, std::string_view name);
  // kInvalidArgument where it is no file.
  Result<std::shared_ptr<const FileView>> OpenFile(const Place& place);
  // Whether what is known of the place holds for as long as this tree lives.
  static bool IsFixed(const Place& place) { return place.kind == Place::Kind::kItems || !IsAbove(place); }

  // A folder as it was when it was opened, entry by entry, without "." and "..". One thread at a time.
  class List {
   public:
    virtual ~List() = default;
    // Nothing at the end. What cannot be read is passed over and told; where it was a part of the folder itself, an
    // Error comes once, at the end.
    virtual Result<std::optional<FoundPlace>> Next() = 0;
  };
  // A file that has to be made whole before its size is known (CSV of a table) is made for that, unless sizes can wait.
  enum class Sizes : uint8_t { kAll, kThatAreKnown };
  Result<std::unique_ptr<List>> OpenFolder(const Place& folder, Sizes sizes = Sizes::kAll);

  // An error of reading below a place, as it is to be told to who reads: ESTALE where its snapshot has gone. `what` is
  // told as damage, once, where it is.
  Error Judge(const Place& place, const std::string& what, const Error& error);

 private:
  class NodeList;
  class FixedList;
  class MadeList;
  struct Cached {
    uint64_t number = 0, check = 0;
    std::shared_ptr<const Node> node;
  };
  using LinkCounts = std::map<Bytes, uint32_t>;

  static bool IsAbove(const Place& place) {
    return place.kind == Place::Kind::kFolders || place.kind == Place::Kind::kLatest;
  }
  enum class Numbered : uint8_t { kByName, kByLinkGroup, kBySnapshot };
  void Number(Place& place, Numbered by, const Place& above, ByteSpan what) const;
  Place EntryPlace(const Place& folder, const std::string& name, const SnapshotFolders::Entry& entry) const;
  Place RootPlace(const Place& folder, const ShownSnapshot& snapshot) const;
  Place ItemPlace(const Place& items, uint32_t item) const;
  Place NodePlace(const Place& folder, const BlobId& directory, const Node& node) const;
  // Whether files are made of what is in it.
  static bool HasMade(const Place& folder);
  Place MadePlace(const Place& folder, const DatabaseFiles::Entry& entry) const;
  Result<FoundPlace> FoundMade(const Place& folder, const DatabaseFiles::Entry& entry, Sizes sizes);
  Result<std::optional<FoundPlace>> FindMade(const Place& folder, ByteSpan name);
  std::optional<Error> WhyNotMade(const Place& folder, const Error& error);
  Result<std::unique_ptr<List>> OpenMade(const Place& folder, std::unique_ptr<List> before, Sizes sizes);
  struct stat StatusOfMade(const Place& place, uint64_t size) const;
  Result<BlobId> DirectoryOf(const Place& folder);
  Result<std::optional<FoundPlace>> FindEntry(const Place& folder, ByteSpan name);
  // Of a folder of snapshots; of the root and what is in it without waiting.
  Result<WireTime> ModifiedAbove(const Place& folder);
  std::vector<FoundPlace> ListRoot();
  FoundPlace FoundNode(const Place& folder, const BlobId& directory, const Node& node);
  struct stat StatusOfNode(const Place& place, const Node& node);
  struct stat StatusAbove(const Place& place, const WireTime& modified) const;
  uint32_t LinksOf(const Place& place, const Node& node);
  std::shared_ptr<const LinkCounts> CountLinks(const Place& place);
  void Keep(const Place& place, std::shared_ptr<const Node> node);
  bool ToldBefore(const std::string& text);

  const Folders folders_;
  BlobSource& blobs_;
  files::OwnerNames& names_;
  const ViewTreeOptions options_;
  const FindingSink findings_;
  const ShortHash number_hash_, check_hash_;
  DatabaseFiles made_;
  std::mutex mutex_;
  std::list<Cached> recent_;                                               // guarded by mutex_; newest first
  std::unordered_map<uint64_t, std::list<Cached>::iterator> by_number_;    // guarded by mutex_
  std::list<std::pair<BlobId, std::shared_ptr<const LinkCounts>>> links_;  // guarded by mutex_; newest first
  std::set<std::string> told_;                                             // guarded by mutex_
};

}  // namespace cairn::view
