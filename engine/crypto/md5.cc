// As in hash.cc: the low-level interface, which no policy of the system switches off.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "engine/crypto/md5.h"

#include <openssl/md5.h>

namespace cairn {

std::array<uint8_t, 16> Md5(ByteSpan bytes) {
  std::array<uint8_t, 16> digest{};
  MD5_CTX state;
  MD5_Init(&state);
  MD5_Update(&state, bytes.data(), bytes.size());
  MD5_Final(digest.data(), &state);
  return digest;
}

}  // namespace cairn
