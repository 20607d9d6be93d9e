// Shows a browser on this terminal until somebody ends it.
#pragma once

#include <stop_token>

#include "frontends/browse/browse_world.h"

namespace cairn::browse {

// The main thread's. On return the terminal is as it was; what was under way was asked to end, and may still do so in
// the threads of `world.readers`.
Result<void> Browse(const BrowseWorld& world, const std::stop_token& stop);

}  // namespace cairn::browse
