// HPKE base mode, single shot: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256. RFC 9180; SPEC section 5.3.
#pragma once

#include "engine/crypto/secret.h"
#include "engine/env/random.h"
#include "repo-format/base/result.h"
#include "repo-format/config_object.h"
#include "repo-format/envelope.h"

namespace cairn {

// Seals `plain` to the holder of `recipient`'s secret, bound to `info`. A recipient of small order is a CHECK: a key
// from outside is asked with X25519IsUsable first.
Envelope HpkeSeal(const PublicKey& recipient, ByteSpan info, ByteSpan plain, const Random& random);
// kUnsupported for a KEM that is not known, kCorrupt where it does not open. The caller wipes the result.
Result<Bytes> HpkeOpen(const Secret32& recipient, ByteSpan info, const Envelope& envelope);

namespace hpke_internal {
// With the AEAD as a parameter (1 AES-128-GCM, 2 AES-256-GCM, 3 ChaCha20-Poly1305) and a given ephemeral key: for the
// vectors of RFC 9180 appendix A, which has none for X25519 with AES-256-GCM. Gives enc || ciphertext || tag.
Bytes SealWith(uint16_t aead, const Secret32& ephemeral, const PublicKey& recipient, ByteSpan info, ByteSpan associated,
               ByteSpan plain);
// The inverse, for AEADs 2 and 3.
Result<Bytes> OpenWith(uint16_t aead, const Secret32& recipient, ByteSpan info, ByteSpan associated, ByteSpan sealed);
}  // namespace hpke_internal

}  // namespace cairn
