// A folder of this machine that files are restored into.
#pragma once

#include <memory>

#include "engine/jobs/restore.h"
#include "frontends/cli/cli.h"
#include "frontends/files/file_sink.h"

namespace cairn {

// Opens it, and says in `options` what is spared in it: the repository, the caches, and what the backup left out.
// kInvalidArgument where it is inside the repository.
Result<std::unique_ptr<FileSink>> OpenRestoreFolder(const Cli& cli, FileSinkOptions where, RestoreOptions& options);

}  // namespace cairn
