// Calls of a far store that need nothing of each other, several at a time.
#pragma once

#include <functional>

#include "engine/env/job_context.h"
#include "repo-format/base/result.h"

namespace cairn {

// Calls `each` for every number below `count`, some at once, by the threads of the context, and waits for all that were
// begun. The first Error ends it, as stop being asked for does (kInterrupted). Counts in context.progress.
Result<void> AtOnce(const JobContext& context, size_t count, const std::function<Result<void>(size_t number)>& each);

}  // namespace cairn
