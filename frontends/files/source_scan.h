// How much there is to read, for a progress that can say when it ends.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "engine/env/progress.h"
#include "frontends/files/file_source.h"

namespace cairn {

struct ScanTotals {
  uint64_t items = 0, bytes = 0;
};

// Walks the same entries beside the backup, item by item, without reading files, and sets the totals of `progress` at
// its end, with those of what else is backed up; its stats are then in the system's cache for the backup. Ends when the
// result is dropped. `progress` outlives it; what cannot be looked at is the backup's to tell.
std::unique_ptr<std::jthread> StartScan(std::vector<FileSourceOptions> items, const ScanTotals& others,
                                        Progress& progress);

}  // namespace cairn
