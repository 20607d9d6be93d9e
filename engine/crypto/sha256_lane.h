// A message of SHA-256 under way, for who compresses several side by side. Private to engine/crypto.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn {

inline constexpr size_t kSha256BlockBytes = 64;

struct Sha256Lane {
  uint32_t* hash = nullptr;         // the chaining value, a to h: 8 words
  const uint8_t* blocks = nullptr;  // where its next whole block begins
};

}  // namespace cairn
