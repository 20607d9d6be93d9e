// Who may do all in a new repository.
#pragma once

#include "engine/crypto/keyring.h"

namespace cairn::bench {

// One for each suite, made when it is first asked for; lives as long as the process.
const Keyring& Owner(Suite suite = Suite::kAes256Gcm);

}  // namespace cairn::bench
