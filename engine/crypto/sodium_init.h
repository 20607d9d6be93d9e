// libsodium picks its fast implementations when it is initialised; without that Argon2id takes half as long again.
#pragma once

namespace cairn {

// Before the first call of libsodium that does not take a Secret32 (making one calls this). Safe for concurrent use.
void EnsureSodium();

}  // namespace cairn
