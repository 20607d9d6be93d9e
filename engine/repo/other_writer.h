// On a store that takes one writer at a time: is another at work?
#pragma once

#include <optional>

#include "engine/repo/protocol.h"

namespace cairn {

// kBusy where another session shows signs of life, as SPEC section 13 has it; of two that begin at the same time each
// sees the other, and neither goes on. One that is proved dead, has been quiet for an hour, or is of this process,
// which knows what it does, does not count. `own`: the session that was put for what is to be done; it is ended with
// the error. Nothing: it needs none. Asks for nothing where the store takes many.
Result<void> NeedNoOtherWriter(Repository& repository, const JobContext& context, Protocol& protocol,
                               const std::optional<SessionId>& own);

}  // namespace cairn
