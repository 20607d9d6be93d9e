// The locks of a store that keeps objects from being removed: made longer in time.
#pragma once

#include <vector>

#include "engine/env/job_context.h"
#include "engine/store/object_locker.h"

namespace cairn {

struct LockReport {
  uint64_t looked_at = 0, extended = 0;
  uint64_t gone = 0;  // removed by others meanwhile
};

// Several at once, a request or two an object. The first error ends it.
Result<LockReport> ExtendLocks(const JobContext& context, ObjectLocker& locker, const std::vector<ObjectName>& names);

}  // namespace cairn
