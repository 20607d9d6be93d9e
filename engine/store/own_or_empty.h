// Is this a place for a new repository?
#pragma once

#include <string_view>

#include "engine/store/object_store.h"

namespace cairn {

// kAlreadyExists where the store holds what is not cairn's; `instead` says what else to name ("another prefix").
// Success where it is a repository already: what it holds is its own business. In memory: what the store's own List
// holds, so not through a RetryStore.
Result<void> NeedOwnOrEmpty(ObjectStore& store, std::string_view instead);

}  // namespace cairn
