// Many requests at once.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/env/job_context.h"
#include "engine/store/object_store.h"

namespace cairn {

// Does what `get` does for each number below `count`, several at a time where the context has limits.gets of more than
// one, each in a thread of its own, and gives the results in order to `each`, in the caller's thread; its Error ends
// it, as stop being asked for does (kInterrupted). In memory are the results of as many as are under way.
Result<void> GetEachBy(size_t count, const std::function<Result<Bytes>(size_t number)>& get, const JobContext& context,
                       const std::function<Result<void>(size_t number, Result<Bytes> got)>& each);

// The same of these objects, each of them whole.
Result<void> GetEach(ObjectStore& store, std::span<const ObjectName> names, uint64_t size_max,
                     const JobContext& context,
                     const std::function<Result<void>(size_t number, Result<Bytes> object)>& each);

}  // namespace cairn
