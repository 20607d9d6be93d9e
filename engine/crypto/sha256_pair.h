// The compression function of SHA-256 over two messages side by side. Private to engine/crypto. FIPS 180-4.
#pragma once

#include <array>

#include "engine/crypto/sha256_lane.h"

namespace cairn::sha256_pair {

// Has this processor what Compress needs? Else there is nothing to be won: hash one after the other.
bool IsSupported();
// `count` blocks of each. A round of SHA-256 waits for the one before it, so that one message leaves the processor's
// SHA unit idle half of the time: two take 1.3 times as long as one (Zen 5). IsSupported(): a precondition.
void Compress(std::array<Sha256Lane, 2> lanes, size_t count);

}  // namespace cairn::sha256_pair
