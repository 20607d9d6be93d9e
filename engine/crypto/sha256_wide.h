// The compression function of SHA-256 over up to sixteen messages side by side. Private to engine/crypto. FIPS 180-4.
#pragma once

#include <span>

#include "engine/crypto/sha256_lane.h"

namespace cairn::sha256_wide {

inline constexpr size_t kLanesMax = 16;

// Has this processor what Compress needs (AVX-512 F and BW)?
bool IsSupported();
// `count` blocks of each of 1 to kLanesMax messages. It takes as long for one as for sixteen: for sixteen of them 0.63
// of what sha256_pair needs (Xeon of 2023: 4.2 GB/s for 2.65), so that it pays from eleven on. IsSupported(): a
// precondition.
void Compress(std::span<const Sha256Lane> lanes, size_t count);

}  // namespace cairn::sha256_wide
