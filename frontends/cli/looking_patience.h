// How long somebody who looks waits for a store.
#pragma once

#include "frontends/cli/cli.h"

namespace cairn {

// A backup waits a quarter of an hour for a store that is away; who looks at it waits a minute, where nothing else is
// said. Before the store is opened.
Result<void> GiveUpSoon(Cli& cli);

}  // namespace cairn
