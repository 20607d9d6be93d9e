// Which of the forgotten snapshots have been kept for long enough. SPEC section 11.5.
#pragma once

#include <set>
#include <vector>

#include "engine/env/clock.h"
#include "engine/repo/local_cache.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

struct DeletedVerdict {
  std::set<SnapshotId> over;
  // The store tells no dates of some: their age is counted from when this machine first saw them, by its own clock.
  bool any_without_date = false;
};

// `store_now`: a date of the store's own that is not later than now; 0 where it tells none. No clock of ours counts
// where the store has one. Remembers in the cache what it saw first, where it has none.
DeletedVerdict JudgeDeleted(const std::vector<DeletedSnapshot>& deleted, UnixNs store_now, const Clock& clock,
                            LocalCache& cache);

}  // namespace cairn
