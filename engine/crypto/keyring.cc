#include "engine/crypto/keyring.h"

#include <algorithm>

#include "engine/crypto/aead.h"
#include "engine/crypto/config_seal.h"
#include "engine/crypto/hpke.h"
#include "engine/crypto/sign.h"

namespace cairn {
namespace {

// Wipes the arrays that parsing left in plain memory.
void WipeSecrets(SlotSecrets& secrets) {
  const auto wipe = [](std::optional<SlotSecrets::Key>& key) {
    if (key) Wipe(*key);
  };
  wipe(secrets.data_id);
  wipe(secrets.metadata_id);
  wipe(secrets.chunking);
  wipe(secrets.root_seed);
  for (SlotSecrets::Epoch& epoch : secrets.epochs) {
    Wipe(epoch.index);
    Wipe(epoch.preshared);
    wipe(epoch.content_secret);
    wipe(epoch.metadata_secret);
  }
}

std::optional<Secret32> Move(const std::optional<SlotSecrets::Key>& key) {
  if (!key) return std::nullopt;
  return Secret32(*key);
}

Result<std::vector<EpochKeys>> MakeEpochs(const SlotSecrets& secrets, const ConfigPublicPart& config) {
  std::vector<EpochKeys> epochs;
  for (const SlotSecrets::Epoch& epoch : secrets.epochs) {
    const auto found = std::ranges::find(config.epochs, epoch.epoch, &EpochPublicKeys::epoch);
    if (found == config.epochs.end())
      return Corrupt("the slot holds secrets of epoch {}, the config has none", epoch.epoch);
    EpochKeys keys{epoch.epoch,
                   found->content,
                   found->metadata,
                   Secret32(epoch.index),
                   Secret32(epoch.preshared),
                   Move(epoch.content_secret),
                   Move(epoch.metadata_secret)};
    const bool content_fits = !keys.content_secret || X25519PublicKey(*keys.content_secret) == keys.content_public;
    const bool metadata_fits = !keys.metadata_secret || X25519PublicKey(*keys.metadata_secret) == keys.metadata_public;
    if (!content_fits || !metadata_fits)
      return Corrupt("the secrets of epoch {} do not fit its public keys", epoch.epoch);
    epochs.push_back(std::move(keys));
  }
  // Ours to seal to, so a key that cannot be sealed to is refused here.
  const EpochPublicKeys& newest = config.epochs.back();
  if (!X25519IsUsable(newest.content) || !X25519IsUsable(newest.metadata)) {
    return Corrupt("a public key of epoch {} is of small order", newest.epoch);
  }
  if (epochs.back().epoch != newest.epoch) {
    return MakeError(ErrorCode::kNoRight, "this key was not given epoch {}: ask an owner", newest.epoch);
  }
  return epochs;
}

// A key in two certificates would let one slot's signature pass for the other's.
Result<void> CheckKeysDiffer(const std::vector<Certificate>& certificates, std::string_view what) {
  std::vector<PublicKey> keys;
  for (const Certificate& one : certificates) {
    keys.push_back(one.ed25519);
    keys.push_back(one.x25519);
  }
  std::ranges::sort(keys);
  if (std::ranges::adjacent_find(keys) != keys.end()) return Corrupt("{}: two certificates share a key", what);
  return {};
}

}  // namespace

SlotKeys SlotKeys::From(KeyObjectSecrets&& secrets) {
  SlotKeys keys{secrets.slot,
                Secret32(secrets.x25519_secret),
                Secret32(secrets.ed25519_seed),
                secrets.root_public,
                secrets.config_min,
                secrets.label};
  Wipe(secrets.x25519_secret);
  Wipe(secrets.ed25519_seed);
  return keys;
}

SlotKeys SlotKeys::New(const SlotId& slot, const PublicKey& root_public, const Random& random) {
  return {slot, Secret32::Random(random), Secret32::Random(random), root_public, 1, ""};
}

Result<Keyring> Keyring::Open(SlotKeys slot, uint64_t config_number, ByteSpan object) {
  const std::string what = fmt::format("config/{}", config_number);
  Keyring keyring(std::move(slot));
  ASSIGN_OR_RETURN(const ConfigPieces pieces, OpenConfigPieces(object, config_number, keyring.slot_.root_public, what));
  keyring.family_ = pieces.header.family;
  keyring.config_number_ = config_number;
  keyring.config_digest_ = Sha256(object);
  ASSIGN_OR_RETURN(keyring.public_, ConfigPublicPart::Parse(pieces.body.public_part).While(what));
  if (keyring.public_.features.incompat != 0) {
    return MakeError(ErrorCode::kUnsupported,
                     "{}: the repository has features {:#x} that this cairn does not know: upgrade cairn", what,
                     keyring.public_.features.incompat);
  }
  keyring.read_only_ = keyring.public_.features.ro_compat != 0;
  if (pieces.header.epoch != keyring.public_.epochs.back().epoch) {
    return Corrupt("{}: its header is of epoch {}, its newest is {}", what, pieces.header.epoch,
                   keyring.public_.epochs.back().epoch);
  }

  const auto& envelopes = keyring.public_.envelopes;
  const auto found = std::ranges::find(envelopes, keyring.slot(), &SlotEnvelope::slot);
  if (found == envelopes.end()) {
    return MakeError(ErrorCode::kNoRight, "{}: key {} was removed from this repository", what, keyring.slot().ToHex());
  }
  ASSIGN_OR_RETURN(Bytes plain, HpkeOpen(keyring.slot_.x25519_secret, SlotEnvelopeInfo(keyring.family_, keyring.slot()),
                                         found->envelope)
                                    .While(what));
  const WipeGuard wipe_plain(plain);
  ASSIGN_OR_RETURN(SlotSecrets secrets, SlotSecrets::Parse(plain).While(what));
  keyring.data_id_ = Move(secrets.data_id);
  keyring.metadata_id_ = Move(secrets.metadata_id);
  keyring.chunking_ = Move(secrets.chunking);
  keyring.root_seed_ = Move(secrets.root_seed);
  auto epochs = MakeEpochs(secrets, keyring.public_);
  WipeSecrets(secrets);
  RETURN_IF_ERROR(epochs);
  keyring.epochs_ = *std::move(epochs);
  ASSIGN_OR_RETURN(const Bytes sealed, OpenConfigSealedPart(pieces, keyring.newest_epoch().index, what));
  ASSIGN_OR_RETURN(keyring.sealed_, ConfigSealedPart::Parse(sealed).While(what));
  RETURN_IF_ERROR(CheckKeysDiffer(keyring.sealed_.certificates, what));
  RETURN_IF_ERROR(keyring.CheckOwn(what));
  return keyring;
}

Result<void> Keyring::CheckOwn(std::string_view what) const {
  const Certificate* own = FindCertificate(slot());
  if (own == nullptr || own->revoked) {
    return MakeError(ErrorCode::kNoRight, "{}: key {} has no valid certificate", what, slot().ToHex());
  }
  if (own->ed25519 != Ed25519PublicKey(slot_.ed25519_seed) || own->x25519 != X25519PublicKey(slot_.x25519_secret)) {
    return Corrupt("{}: the certificate of key {} is for other keys", what, slot().ToHex());
  }
  if (root_seed_ && Ed25519PublicKey(*root_seed_) != slot_.root_public) {
    return Corrupt("{}: the root's key in the envelope of key {} is not this root's", what, slot().ToHex());
  }
  return {};
}

const Certificate* Keyring::FindCertificate(const SlotId& slot) const {
  const auto found = std::ranges::lower_bound(sealed_.certificates, slot, {}, &Certificate::slot);
  return found != sealed_.certificates.end() && found->slot == slot ? &*found : nullptr;
}

const Certificate& Keyring::certificate() const {
  const Certificate* own = FindCertificate(slot());
  CHECK(own != nullptr);
  return *own;
}

Result<const EpochKeys*> Keyring::epoch(uint32_t number) const {
  const auto found = std::ranges::find(epochs_, number, &EpochKeys::epoch);
  if (found != epochs_.end()) return &*found;
  return MakeError(ErrorCode::kNoRight, "this key holds no secrets of epoch {}", number);
}

namespace {

Result<const Secret32*> Held(const std::optional<Secret32>& key, std::string_view name, Rights rights) {
  if (key) return &*key;
  return MakeError(ErrorCode::kNoRight, "this key's role ({}) does not hold the {}", RoleName(rights), name);
}

}  // namespace

Result<const Secret32*> Keyring::data_id_key() const { return Held(data_id_, "id key of data", rights()); }
Result<const Secret32*> Keyring::metadata_id_key() const { return Held(metadata_id_, "id key of metadata", rights()); }
Result<const Secret32*> Keyring::chunking_key() const { return Held(chunking_, "chunking key", rights()); }
Result<const Secret32*> Keyring::root_seed() const { return Held(root_seed_, "root's key", rights()); }

Result<void> Keyring::Need(uint32_t right, std::string_view to_do_what) const {
  if (rights().Has(right)) return {};
  std::string roles;
  for (const auto& [name, role] : {std::pair("writer", kWriterRights), std::pair("lister", kListerRights),
                                   std::pair("maintainer", kMaintainerRights), std::pair("reader", kReaderRights),
                                   std::pair("owner", kOwnerRights)}) {
    if (role.Has(right)) roles += (roles.empty() ? "" : " or ") + std::string(name);
  }
  return MakeError(ErrorCode::kNoRight, "{} needs the role {}; this key's role is {}", to_do_what, roles,
                   RoleName(rights()));
}

}  // namespace cairn
