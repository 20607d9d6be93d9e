// The compression function of SHA-256 over two messages side by side. Private to engine/crypto. FIPS 180-4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace cairn::sha256_pair {

inline constexpr size_t kBlockBytes = 64;

// A message under way: its chaining value a to h, and where its next whole block begins.
struct Lane {
  uint32_t* hash = nullptr;  // 8 words
  const uint8_t* blocks = nullptr;
};

// Has this processor what Compress needs? Else there is nothing to be won: hash one after the other.
bool IsSupported();
// `count` blocks of each. A round of SHA-256 waits for the one before it, so that one message leaves the processor's
// SHA unit idle half of the time: two take 1.3 times as long as one (Zen 5). IsSupported(): a precondition.
void Compress(std::array<Lane, 2> lanes, size_t count);

}  // namespace cairn::sha256_pair
