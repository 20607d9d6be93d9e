// Ed25519 signatures (RFC 8032) and X25519 key pairs (RFC 7748), by libsodium.
#pragma once

#include <span>

#include "engine/crypto/secret.h"
#include "repo-format/config_object.h"

namespace cairn {

PublicKey Ed25519PublicKey(const Secret32& seed);
Signature Ed25519Sign(const Secret32& seed, ByteSpan message);
[[nodiscard]] bool Ed25519Verify(const PublicKey& key, ByteSpan message, std::span<const uint8_t, 64> signature);

PublicKey X25519PublicKey(const Secret32& secret);
// False for a point of small order, with which every secret gives the same result.
[[nodiscard]] bool X25519IsUsable(const PublicKey& key);

}  // namespace cairn
