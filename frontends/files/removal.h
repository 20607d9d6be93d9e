// Takes away what stands in the way of a restore.
#pragma once

#include <string>

#include "frontends/files/changeable.h"
#include "frontends/files/sink_root.h"
#include "repo-format/base/result.h"

namespace cairn::files {

// Removes a file, or an empty folder; success where nothing is there. kBusy for a folder on which another file system
// is mounted. What hinders is made changeable, and folders of which that is true are noted.
Result<void> Remove(const SinkRoot& root, ChangedFolders& changed, const SinkRoot::Place& place);

// Renames `name`, in the folder of `target`, to that, over whatever stands there but a folder with something in it;
// after an Error `name` is removed. Where both are names of one file the system does nothing.
Result<void> Replace(const SinkRoot& root, ChangedFolders& changed, const std::string& name,
                     const SinkRoot::Place& target);

}  // namespace cairn::files
