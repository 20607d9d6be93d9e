// SipHash-2-4 with a key of the process: for hash tables whose keys others may choose. Aumasson, Bernstein 2012.
#pragma once

#include <array>
#include <cstdint>

#include "repo-format/base/bytes.h"

namespace cairn {

// Nobody who does not know the key can make keys that meet in a table. Copies agree. Safe for concurrent use.
class ShortHash {
 public:
  ShortHash();  // with a random key
  uint64_t operator()(ByteSpan bytes) const;

 private:
  std::array<uint8_t, 16> key_;
};

}  // namespace cairn
