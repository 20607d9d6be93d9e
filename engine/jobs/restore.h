// Restore: a snapshot, or a part of it, out to a sink.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/repo/blob_reader.h"
#include "engine/repo/snapshot_store.h"
#include "engine/source/left_out.h"
#include "engine/source/sink.h"

namespace cairn {

// Never renumber: written to reports.
enum class Overwrite { kAlways, kIfChanged, kIfNewer, kNever };

struct RestoreOptions {
  // What to restore: "" all, of several items each in a folder of its name; a folder's inside goes to the target; a
  // file goes by its name.
  TreePath path;
  Overwrite overwrite = Overwrite::kAlways;
  bool remove_others = false;  // --delete: what is in the target and not in the snapshot
  bool verify = false;         // read back and compare every restored file
  bool dry_run = false;
  // Folders that may be below the target, and in which nothing is deleted: the repository itself. By device and inode.
  struct Protected {
    std::pair<uint64_t, uint64_t> file;
    std::string name;           // for people: "the repository"
    bool from_writing = false;  // nor anything written
  };
  std::vector<Protected> protected_places;
  const Protected* FindProtected(const SinkExisting& existing) const;
  // What a backup of this item left out by choice, and --delete spares; an Error: that is not known, and nothing is
  // deleted. Nothing: it left nothing out.
  std::function<Result<std::unique_ptr<LeftOut>>(const SnapshotItem& item)> left_out;
  // Which paths of the snapshot to take (of several items they begin with one's name); empty: all. A folder that is not
  // taken is walked all the same where `descend` says that something in it may be.
  std::function<bool(const TreePath& path, const Node& node)> take;
  std::function<bool(const TreePath& path)> descend;
};

struct RestoreReport {
  uint64_t files = 0, folders = 0, others = 0;
  uint64_t files_skipped = 0;  // by the overwrite rule, or already right
  uint64_t bytes = 0;          // of restored files
  uint64_t bytes_written = 0;  // what was not right on disk already
  uint64_t bytes_fetched = 0;  // from the store
  uint64_t removed = 0;
  uint64_t failed = 0;  // items with a finding
  uint64_t verified = 0;
};

// One bad blob is a Finding that names the file and its range; the rest is restored. The plan is made for a window of
// the tree at a time, by pack in order of offsets, so that memory is bounded, but for some 200 bytes and a path for
// each file of an item that has several names. kArchived: the store has to bring back packs before they can be read
// (warm_up.h); what was restored until then is there, whole, and another run goes on.
Result<RestoreReport> RunRestore(const JobContext& context, Repository& repository, Index& index,
                                 const LoadedSnapshot& snapshot, Sink& sink, const RestoreOptions& options,
                                 FindingSink findings);

}  // namespace cairn
