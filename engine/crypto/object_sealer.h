// Seals and signs objects, and opens and verifies them. SPEC section 6.
#pragma once

#include <array>

#include "engine/crypto/keyring.h"
#include "engine/env/random.h"
#include "repo-format/object_header.h"

namespace cairn {

struct SealedObject {
  std::array<uint8_t, ObjectHeader::kSize> header{};
  Bytes body;            // sealed
  Bytes Joined() const;  // header || body
};

struct OpenedObject {
  ObjectHeader header;
  SlotId slot;  // who signed
  Bytes body;   // plaintext without the 80 bytes of slot and signature
};

// Safe for concurrent use. Borrows the keyring.
//
// The certificate of a revoked slot still verifies: what it put before its removal stays readable. Whether an object of
// such a slot came later cannot be seen here; snapshots carry a counter, and engine/repo refuses those above the
// certificate's counter_max.
class ObjectSealer {
 public:
  ObjectSealer(const Keyring& keyring, const Random& random) : keyring_(keyring), random_(random) {}

  // Signs with the keyring's slot (kNoRight where its rights do not allow this kind) and seals under the newest epoch.
  Result<SealedObject> Seal(ObjectKind kind, const RawId& name, ByteSpan body) const;
  // The header that Seal will use, for a kind whose body needs it before it is sealed (a snapshot's inner part);
  // `body_size` is the size of the plaintext body without the trailer, `body` what is known of it: it goes into the
  // salt, so that two bodies never share a key, even where a machine repeats its random numbers.
  ObjectHeader NewHeader(ObjectKind kind, const RawId& name, uint64_t body_size, ByteSpan body) const;
  Result<SealedObject> SealWith(const ObjectHeader& header, ByteSpan body) const;

  // Checks everything that SPEC 6.1 and 6.2 ask for; `what` names the object in errors. kCorrupt, kUnsupported,
  // kForged, or kNoRight where the epoch's keys are not held. Where the config has no certificate of the slot
  // (kForged), or does not name the epoch (kCorrupt), `unknown_slot` (may be null) is set: the caller may look for a
  // newer config and try again.
  Result<OpenedObject> Open(ByteSpan object, ObjectKind expected, const RawId& name, std::string_view what,
                            bool* unknown_slot = nullptr) const;
  // The same in two pieces: packs.
  Result<OpenedObject> Open(ByteSpan header, ByteSpan sealed_body, ObjectKind expected, const RawId& name,
                            std::string_view what, bool* unknown_slot = nullptr) const;

  const Keyring& keyring() const { return keyring_; }
  static uint64_t SealedSize(uint64_t body_size);  // of a plaintext body without its trailer

 private:
  const Keyring& keyring_;
  const Random& random_;
};

}  // namespace cairn
