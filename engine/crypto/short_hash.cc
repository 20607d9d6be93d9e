#include "engine/crypto/short_hash.h"

#include <sodium.h>

#include <cstring>

#include "engine/crypto/sodium_init.h"

namespace cairn {

ShortHash::ShortHash() {
  static_assert(std::tuple_size_v<decltype(key_)> == crypto_shorthash_KEYBYTES);
  EnsureSodium();
  crypto_shorthash_keygen(key_.data());
}

uint64_t ShortHash::operator()(ByteSpan bytes) const {
  std::array<uint8_t, crypto_shorthash_BYTES> out;
  crypto_shorthash(out.data(), bytes.data(), bytes.size(), key_.data());
  uint64_t value;
  std::memcpy(&value, out.data(), sizeof(value));
  return value;
}

}  // namespace cairn
