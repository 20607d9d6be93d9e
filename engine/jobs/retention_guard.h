// What a policy must not let go of where clocks were wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/env/clock.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

// What stays whatever a policy says, for the clocks of machines are wrong at times.
struct RetentionGuard {
  UnixNs now = INT64_MAX;  // by this machine's clock; where nobody has looked at it, nothing is ahead of it
  // What a run has just made, and its copies: who is told that it is there relies on it, whatever time it has.
  std::optional<SnapshotId> made;

  // Of those that pass the filter, marks what was `made` as protected, and what is dated more than a day after `now` as
  // of a doubtful time, which is told: the newest by its date alone, it would have all others go, and take their places
  // for years.
  void Mark(std::vector<LoadedSnapshot>& snapshots, const SnapshotFilter& filter, const FindingSink& findings) const;
};

}  // namespace cairn
