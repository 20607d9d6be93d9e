// How much there is to read, for a progress that can say when it ends.
#pragma once

#include <memory>
#include <thread>

#include "engine/env/progress.h"
#include "frontends/files/file_source.h"

namespace cairn {

// Walks the same entries beside the backup, without reading files, and sets the totals of `progress` at its end; its
// stats are then in the system's cache for the backup. Ends when the result is dropped. `progress` outlives it; what
// cannot be looked at is the backup's to tell.
std::unique_ptr<std::jthread> StartScan(FileSourceOptions options, Progress& progress);

}  // namespace cairn
