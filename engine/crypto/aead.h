// The two suites of SPEC section 6.1: AES-256-GCM and ChaCha20-Poly1305, by libcrypto.
#pragma once

#include <array>

#include "engine/crypto/secret.h"
#include "repo-format/base/result.h"
#include "repo-format/object_header.h"

namespace cairn {

inline constexpr size_t kAeadTagSize = 16;
using AeadNonce = std::array<uint8_t, 12>;

// Safe for concurrent use. `sealed` has plain.size() + 16 bytes and may not overlap `plain`.
void AeadSeal(Suite suite, const Secret32& key, const AeadNonce& nonce, ByteSpan associated, ByteSpan plain,
              MutableByteSpan sealed);
// kCorrupt where key, nonce, associated data or bytes are not those of the seal; `plain` (sealed.size() - 16 bytes) is
// then wiped. `what` names the thing in the error.
Result<void> AeadOpen(Suite suite, const Secret32& key, const AeadNonce& nonce, ByteSpan associated, ByteSpan sealed,
                      MutableByteSpan plain, std::string_view what);

// The faster suite on this machine, by trying both for some milliseconds.
Suite FasterSuite();

}  // namespace cairn
