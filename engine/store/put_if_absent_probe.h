// Does a server keep its hands off a name that is filled?
#pragma once

#include "engine/env/random.h"
#include "engine/store/object_store.h"

namespace cairn {

// By doing it, several at once, below "tmp/", which is not the repository's: some servers do not mind that an object is
// wanted only where there is none, some look first and write then. kUnsupported where a name had not one winner. Who
// may not remove leaves a few bytes there. Through a store that tries again what failed.
Result<void> ProbePutIfAbsent(ObjectStore& store, const Random& random);

}  // namespace cairn
