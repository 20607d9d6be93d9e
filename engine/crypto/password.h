// From a password to the key that opens a key object. SPEC section 7.2.
#pragma once

#include "engine/crypto/secret.h"
#include "engine/env/random.h"
#include "repo-format/base/result.h"
#include "repo-format/key_object.h"
#include "repo-format/object_header.h"

namespace cairn {

struct PasswordCost {
  uint32_t memory_kib = 65'536;  // about 0.1 s on a core of 2024
  uint32_t passes = 3;
  static PasswordCost ForTests() { return {8'192, 1}; }
};

// Seals a slot's own keys under a password: the whole object keys/<key>. kInvalidArgument for an empty password, a cost
// outside the format's limits, a label that does not fit.
Result<Bytes> SealKeyObject(const FamilyId& family, const KeyId& key, ByteSpan password,
                            const KeyObjectSecrets& secrets, const PasswordCost& cost, const Random& random);
// kWrongKey where the commitment differs: another password's - or damage within what the commitment covers (header,
// parameters) or the commitment itself, which nothing can tell from another password. kCorrupt where it is broken
// behind it. Limits are checked before the derivation runs. The caller wipes the arrays of the result.
Result<KeyObjectSecrets> OpenKeyObject(ByteSpan object, const KeyId& key, ByteSpan password);

}  // namespace cairn
