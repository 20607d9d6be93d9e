// Opens every small object, and says what is wrong with it: configs, keys, segments, sessions, tombstones.
#pragma once

#include "engine/env/finding.h"
#include "engine/repo/repository.h"

namespace cairn {

struct ObjectCounts {
  uint64_t configs = 0, keys = 0, keys_opened = 0, segments = 0, sessions = 0, tombstones = 0;
};

// Snapshots, notes and forgotten records are LoadSnapshots' to tell of; packs are the check's. Names that are none of
// cairn's are warnings.
Result<ObjectCounts> CheckObjects(const JobContext& context, Repository& repository, const FindingSink& findings);

}  // namespace cairn
