// All that a slot holds once its password was given and the newest config was opened. SPEC sections 5 and 7.
#pragma once

#include <optional>
#include <vector>

#include "engine/crypto/hash.h"
#include "engine/crypto/secret.h"
#include "repo-format/config_object.h"
#include "repo-format/key_object.h"

namespace cairn {

struct EpochKeys {
  uint32_t epoch = 0;
  PublicKey content_public{}, metadata_public{};
  Secret32 index, preshared;
  std::optional<Secret32> content_secret, metadata_secret;
};

// A slot's own key pairs and what it trusts: what a key object opens. Move only, immutable.
struct SlotKeys {
  SlotId slot;
  Secret32 x25519_secret, ed25519_seed;
  PublicKey root_public{};
  uint64_t config_min = 1;
  std::string label;  // of the password

  // Takes the arrays and wipes them.
  static SlotKeys From(KeyObjectSecrets&& secrets);
  static SlotKeys New(const SlotId& slot, const PublicKey& root_public, const Random& random);
};

// Immutable after construction; safe for concurrent use. Every question that a role may not ask gives kNoRight with
// the role's name.
class Keyring {
 public:
  // Opens config/<n>: verifies the root's signature with the slot's copy of the root key, opens the slot's envelope and
  // the sealed part. kForged where the signature is wrong, kNoRight where the slot was removed, kUnsupported for
  // feature bits that are not known. `object` is the whole object. Whether config_number is the newest, or older than
  // slot.config_min, is the caller's question.
  static Result<Keyring> Open(SlotKeys slot, uint64_t config_number, ByteSpan object);

  const SlotId& slot() const { return slot_.slot; }
  Rights rights() const { return certificate().rights; }
  const Certificate& certificate() const;                        // of this slot
  const Certificate* FindCertificate(const SlotId& slot) const;  // nullptr: unknown; a revoked slot's is found
  const std::vector<Certificate>& certificates() const { return sealed_.certificates; }
  const ConfigPublicPart& public_part() const { return public_; }
  const ConfigSealedPart& sealed_part() const { return sealed_; }
  const FamilyId& family() const { return family_; }
  const RepositoryId& repository() const { return public_.repository; }
  uint64_t config_number() const { return config_number_; }
  const Digest& config_digest() const { return config_digest_; }
  bool read_only() const { return read_only_; }  // unknown ro_compat bits

  const EpochKeys& newest_epoch() const { return epochs_.back(); }
  Result<const EpochKeys*> epoch(uint32_t number) const;  // kNoRight where the slot was not given it
  const std::vector<EpochKeys>& epochs() const { return epochs_; }
  const Secret32& ed25519_seed() const { return slot_.ed25519_seed; }
  const SlotKeys& slot_keys() const { return slot_; }
  Result<const Secret32*> data_id_key() const;
  Result<const Secret32*> metadata_id_key() const;
  Result<const Secret32*> chunking_key() const;
  Result<const Secret32*> root_seed() const;
  // kNoRight "this needs the role maintainer or owner; this key's role is writer".
  Result<void> Need(uint32_t right, std::string_view to_do_what) const;

 private:
  explicit Keyring(SlotKeys slot) : slot_(std::move(slot)) {}
  Result<void> CheckOwn(std::string_view what) const;  // certificate and root seed fit this slot
  SlotKeys slot_;
  FamilyId family_;
  uint64_t config_number_ = 0;
  Digest config_digest_;
  bool read_only_ = false;
  ConfigPublicPart public_;
  ConfigSealedPart sealed_;
  std::optional<Secret32> data_id_, metadata_id_, chunking_, root_seed_;
  std::vector<EpochKeys> epochs_;  // ascending
};

}  // namespace cairn
