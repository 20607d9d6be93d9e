// What a restore needs of a store's archive is asked for before: the packs that it would read, and no others.
#pragma once

#include <chrono>
#include <vector>

#include "engine/jobs/restore.h"
#include "engine/store/object_warmer.h"

namespace cairn {

// The data packs from which a restore with these options (path, take, descend) would read, by name. Metadata is read,
// and must not be archived; what cannot be read of it is told, and what is below it is not known. Needs to read
// metadata.
Result<std::vector<IndexedPack>> FindDataPacks(const JobContext& context, const Repository& repository, Index& index,
                                               const LoadedSnapshot& snapshot, const RestoreOptions& options,
                                               FindingSink findings);

struct WarmUpOptions {
  bool ask = true;  // else it is only looked
  // For so long it is waited until all are warm. They are asked for at the same time, so that mostly one request a
  // pause says how it stands.
  std::chrono::nanoseconds wait{0};
};

struct WarmUpReport {
  uint64_t packs = 0, bytes = 0;
  uint64_t asked = 0, bytes_asked = 0;  // that were cold, and were asked for; without `ask`: that would be
  uint64_t cold = 0, bytes_cold = 0;    // that cannot be read yet

  bool is_warm() const { return cold == 0; }
};

// Several requests at once: one a pack, and one more for each that is asked for. A pack that is gone is not counted.
Result<WarmUpReport> RunWarmUp(const JobContext& context, ObjectWarmer& warmer, const std::vector<IndexedPack>& packs,
                               const WarmUpOptions& options);

}  // namespace cairn
