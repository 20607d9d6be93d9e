// The folders in which snapshots are shown: by time, id, host, tag and path.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "engine/repo/snapshot_store.h"

namespace cairn::view {

using ShownSnapshot = std::shared_ptr<const LoadedSnapshot>;

// What snapshots are called, for as long as this lives: a name that was given stays, and is never another's, also when
// its snapshot has gone. One thread at a time.
class SnapshotNames {
 public:
  // How people write a time: "2026-11-22_12-58-12".
  using TimeName = std::function<std::string(const WireTime& time)>;
  explicit SnapshotNames(TimeName time_name) : time_name_(std::move(time_name)) {}

  struct Names {
    std::string time, id;
  };
  // Of several of one second the later ones have the beginning of the id behind it; so have ids that begin alike all of
  // theirs.
  Names Of(const LoadedSnapshot& snapshot);

 private:
  const TimeName time_name_;
  std::map<SnapshotId, Names> names_;
  std::set<std::string> taken_;
};

// In the offset that the clock says for that time; "@<seconds>" beyond the calendar.
std::string LocalTimeName(const WireTime& time, const Clock& clock);

// Bytes as one name of a folder: "/", "%" and zero bytes as %2F, %25, %00; "." and ".." likewise. Never empty.
std::string FolderName(ByteSpan bytes);

// Immutable. by-time, by-id, by-host/<host>, by-tag/<tag>, by-path/<path, a folder a name> (of paths that a system
// takes); in each that has snapshots, but by-id, also `latest`, a link to the newest that is no safety snapshot.
class SnapshotFolders {
 public:
  enum class Kind : uint8_t { kFolder, kSnapshot, kLatest };
  // What is in the root, whatever snapshots there are; ascending.
  static constexpr std::array<std::string_view, 5> kTop = {"by-host", "by-id", "by-path", "by-tag", "by-time"};
  struct Entry {
    Kind kind = Kind::kFolder;
    ShownSnapshot snapshot = nullptr;  // of a snapshot; of kLatest: which one it is
    std::string target = {};           // of kLatest
  };
  struct Folder {
    std::map<std::string, Entry, std::less<>> entries;
    WireTime modified;  // of its newest snapshot, also below
  };

  // In ascending order of time.
  SnapshotFolders(const std::vector<ShownSnapshot>& snapshots, SnapshotNames& names);
  // "" is the root, "by-tag/daily" is one below. nullptr: there is none.
  const Folder* Find(std::string_view path) const;
  bool has_latest() const;  // whether a snapshot is shown by that name
  bool Has(const SnapshotId& snapshot) const { return ids_.contains(snapshot); }

 private:
  void MakeFolder(const std::string& path);
  void Add(const std::string& folder, const SnapshotNames::Names& names, const ShownSnapshot& snapshot);
  void AddLatest();

  std::map<std::string, Folder, std::less<>> folders_;
  std::set<SnapshotId> ids_;
};

}  // namespace cairn::view
