// `restore --set NAME=PATH`: a folder or a file of a snapshot takes the place of what is there.
#pragma once

#include <memory>
#include <string>

#include "frontends/cli/opened_snapshot.h"
#include "frontends/cli/set_restore.h"

namespace cairn {

struct FilesSetOptions {
  OpenedSnapshot* opened = nullptr;  // borrowed
  std::string path;                  // in the snapshot: of a folder, or of a file
  std::string where;                 // its place on this machine
  std::string name;                  // of the set, and of its safety snapshot
  std::string run;
  bool numeric_ids = false, verifies = true, keeps = true;
};
// The new content is made in a folder within that of the place, verified, and then exchanged (FolderExchange), so that
// the folder stays the one that it was. What the backup left out by its rules stays.
std::unique_ptr<SetRestore> MakeFilesSet(Cli& cli, FilesSetOptions options);

// The place of a set, as FolderExchange takes it. kInvalidArgument where it is neither a file nor a
// folder, a link to nothing, or the root of all.
struct FilesPlace {
  std::string folder, entry;  // `entry` empty: all that is in the folder
  bool exists = false, is_folder = false;
  std::string path() const { return entry.empty() ? folder : (folder == "/" ? "" : folder) + "/" + entry; }
};
Result<FilesPlace> LookAtFilesPlace(const std::string& where);

}  // namespace cairn
