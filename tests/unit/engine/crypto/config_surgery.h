// Configs that no maker makes, signed by the right root all the same.
#pragma once

#include "engine/crypto/config_seal.h"
#include "engine/crypto/hpke.h"
#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn::crypto_test {

// The newest config of a repository, taken apart. Change what you like, then Seal.
struct ConfigSurgery {
  explicit ConfigSurgery(const TestRepository& repository)
      : owner(repository.As("owner")),
        public_part(owner.public_part()),
        sealed_part(owner.sealed_part()),
        header{.kind = ObjectKind::kConfig,
               .family = owner.family(),
               .epoch = owner.newest_epoch().epoch,
               .domain = 0,
               .suite = Suite::kChaCha20Poly1305,
               .name = ConfigRawName(owner.config_number()),
               .salt = RawIdOf(1),
               .body_length = 0} {}

  Bytes Seal() const { return SealAs(**owner.root_seed()); }
  Bytes SealAs(const Secret32& root_seed) const {
    return SealConfig(header, public_part, sealed_part, owner.newest_epoch().index, root_seed);
  }
  Result<Keyring> OpenAs(const SlotKeys& slot) const {
    return Keyring::Open(CopyOf(slot), owner.config_number(), Seal());
  }

  Certificate& CertificateOf(const SlotKeys& slot) {
    return *std::ranges::find(sealed_part.certificates, slot.slot, &Certificate::slot);
  }
  void GiveSecrets(const SlotKeys& slot, const SlotSecrets& secrets) {
    const auto envelope = std::ranges::find(public_part.envelopes, slot.slot, &SlotEnvelope::slot);
    envelope->envelope = HpkeSeal(X25519PublicKey(slot.x25519_secret), SlotEnvelopeInfo(owner.family(), slot.slot),
                                  secrets.Encode(), SystemRandom());
  }
  SlotSecrets SecretsOf(const SlotKeys& slot) const {
    const auto envelope = std::ranges::find(public_part.envelopes, slot.slot, &SlotEnvelope::slot);
    const auto plain = HpkeOpen(slot.x25519_secret, SlotEnvelopeInfo(owner.family(), slot.slot), envelope->envelope);
    return *SlotSecrets::Parse(*plain);
  }

  Keyring owner;
  ConfigPublicPart public_part;
  ConfigSealedPart sealed_part;
  ObjectHeader header;
};

}  // namespace cairn::crypto_test
