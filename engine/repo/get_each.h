// Many small objects at once.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/env/job_context.h"
#include "engine/store/object_store.h"

namespace cairn {

// Gets each of these, several at a time where the context has limits.gets of more than one, and gives the results in
// order to `each`, in the caller's thread; its Error ends it, as stop being asked for does (kInterrupted). In memory
// are as many objects as are under way.
Result<void> GetEach(ObjectStore& store, std::span<const ObjectName> names, uint64_t size_max,
                     const JobContext& context,
                     const std::function<Result<void>(size_t number, Result<Bytes> object)>& each);

}  // namespace cairn
