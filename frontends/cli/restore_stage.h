// Where a database is put together before it takes its place.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "engine/jobs/restore.h"
#include "frontends/cli/cli.h"
#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/scratch_store.h"

namespace cairn {

// A folder ".cairn-restore-<run>-<name>" beside the database `name`, for nobody else's eyes, which goes with this
// value, and where the user forces the end. As long as its process lives it is locked (flock), so that a later run
// knows whose process died. One thread. Nothing is synced before Place.
class RestoreStage {
 public:
  struct Place {
    std::string folder, name;  // an absolute path without links, and a name in it
    std::string path() const { return folder + "/" + name; }
  };
  // Removes first what dead runs of the same place left, where that is provable.
  static Result<std::unique_ptr<RestoreStage>> Make(Cli& cli, Place place, const std::string& run);
  ~RestoreStage();
  RestoreStage(const RestoreStage&) = delete;
  RestoreStage& operator=(const RestoreStage&) = delete;

  // The file at `path` of the snapshot, all of it, of mode 0600; its metadata waits for PutInPlace.
  Result<void> Fetch(Cli& cli, const OpenedSnapshot& opened, const TreePath& path, bool numeric_ids);
  const std::string& file() const { return file_; }
  // That nobody's log belongs to it: SQLite then makes none beside it. Before PutInPlace the header is as it was again.
  Result<void> SetWithoutLog();

  // Owner, mode and the rest of the metadata, then on to the disk, then to the place, where nothing is replaced:
  // kAlreadyExists. Durable on return.
  Result<void> PutInPlace();
  bool is_placed() const { return is_placed_; }
  // Before the value goes: what is left is an Error.
  Result<void> Remove();

 private:
  class HeldSink;
  RestoreStage(Cli& cli, Place place, std::shared_ptr<ScratchFolder> folder, int lock);

  Cli& cli_;
  const Place place_;
  const std::shared_ptr<ScratchFolder> folder_;
  const int lock_;  // a descriptor of the folder
  std::string file_;
  std::unique_ptr<HeldSink> sink_;
  std::optional<std::array<char, 2>> log_bytes_;  // of the header, as they were
  bool is_placed_ = false;
};

}  // namespace cairn
