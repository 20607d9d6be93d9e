// Who is first at a name that decides something: a commit, a fence, a config.
#pragma once

#include "engine/store/object_store.h"

namespace cairn {

// Puts it where nothing is. True: this is what stands there now. Where two may have been told that they were first
// (SPEC section 13) it is read again; kIo where it is not there then.
Result<bool> PutFirst(ObjectStore& store, const ObjectName& name, ByteSpan object);

}  // namespace cairn
