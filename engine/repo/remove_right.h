// Whether this user of the store may remove.
#pragma once

#include <string_view>

#include "engine/env/random.h"
#include "engine/store/object_store.h"

namespace cairn {

// kPermission where not: found by removing what is not there. For a job that removes, before it does anything else: who
// may only put into a bucket could still put a fence over a snapshot, and would stop in the middle. `purpose`: "prune".
Result<void> NeedRemoveRight(ObjectStore& store, const Random& random, std::string_view purpose);

}  // namespace cairn
