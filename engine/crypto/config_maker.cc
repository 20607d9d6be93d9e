#include "engine/crypto/config_maker.h"

#include <algorithm>

#include "engine/crypto/config_seal.h"
#include "engine/crypto/hpke.h"
#include "engine/crypto/sign.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

SlotSecrets::Key ToArray(const Secret32& secret) {
  SlotSecrets::Key key{};
  std::ranges::copy(secret.bytes(), key.begin());
  return key;
}

// Everything that slots may be given, as who makes a config holds it.
struct AllSecrets {
  const Secret32& data_id;
  const Secret32& metadata_id;
  const Secret32& chunking;
  const Secret32& root_seed;
  const std::vector<EpochKeys>& epochs;
};

// What these rights allow, sealed to the slot. SPEC 5.1, 5.5.
Envelope SealSlotSecrets(const AllSecrets& all, Rights rights, const FamilyId& family, const SlotId& slot,
                         const PublicKey& x25519, const Random& random) {
  SlotSecrets secrets;
  // The chunking key goes with the data id key: who has it and the lengths in the index can test guesses about data
  // (SPEC 3), and nobody else cuts chunks.
  if (rights.Has(Rights::kDataIdKey)) {
    secrets.data_id = ToArray(all.data_id);
    secrets.chunking = ToArray(all.chunking);
  }
  if (rights.Has(Rights::kMetadataIdKey)) secrets.metadata_id = ToArray(all.metadata_id);
  if (rights.Has(Rights::kOwn)) secrets.root_seed = ToArray(all.root_seed);
  for (const EpochKeys& keys : all.epochs) {
    SlotSecrets::Epoch epoch;
    epoch.epoch = keys.epoch;
    epoch.index = ToArray(keys.index);
    epoch.preshared = ToArray(keys.preshared);
    if (rights.Has(Rights::kContentKey)) epoch.content_secret = ToArray(*keys.content_secret);
    if (rights.Has(Rights::kMetadataKey)) epoch.metadata_secret = ToArray(*keys.metadata_secret);
    secrets.epochs.push_back(epoch);
  }
  Bytes plain = secrets.Encode();
  const WipeGuard wipe(plain);
  return HpkeSeal(x25519, SlotEnvelopeInfo(family, slot), plain, random);
}

ObjectHeader NewConfigHeader(const FamilyId& family, uint32_t epoch, uint64_t number, const Random& random) {
  ObjectHeader header{.kind = ObjectKind::kConfig,
                      .family = family,
                      .epoch = epoch,
                      .domain = 0,
                      .suite = Suite::kChaCha20Poly1305,
                      .name = ConfigRawName(number),
                      .salt = {},
                      .body_length = 0};
  random.Fill(header.salt);
  return header;
}

Certificate NewCertificate(const SlotKeys& keys, const NewSlot& slot, const Clock& clock) {
  Certificate certificate;
  certificate.slot = keys.slot;
  certificate.ed25519 = Ed25519PublicKey(keys.ed25519_seed);
  certificate.x25519 = X25519PublicKey(keys.x25519_secret);
  certificate.rights = slot.rights;
  certificate.host_pattern = slot.host_pattern;
  certificate.label = slot.label;
  certificate.issued = {clock.Now() / 1'000'000'000, 0};
  return certificate;
}

void Sort(ConfigPublicPart& public_part, ConfigSealedPart& sealed_part) {
  std::ranges::sort(public_part.envelopes, {}, &SlotEnvelope::slot);
  std::ranges::sort(sealed_part.certificates, {}, &Certificate::slot);
}

// Seals a config and reads it back as a reader does: one that does not parse would lock everybody out for good.
Result<Bytes> SealAndRead(uint64_t number, const ObjectHeader& header, const ConfigPublicPart& public_part,
                          const ConfigSealedPart& sealed_part, const Secret32& index_key, const Secret32& root_seed) {
  Bytes object = SealConfig(header, public_part, sealed_part, index_key, root_seed);
  const auto read = [&]() -> Result<bool> {
    ASSIGN_OR_RETURN(const ConfigPieces pieces,
                     OpenConfigPieces(object, number, Ed25519PublicKey(root_seed), "the new config"));
    ASSIGN_OR_RETURN(const ConfigPublicPart public_again, ConfigPublicPart::Parse(pieces.body.public_part));
    ASSIGN_OR_RETURN(const Bytes plain, OpenConfigSealedPart(pieces, index_key, "the new config"));
    ASSIGN_OR_RETURN(const ConfigSealedPart sealed_again, ConfigSealedPart::Parse(plain));
    return public_again == public_part && sealed_again == sealed_part;
  };
  const Result<bool> same = read();
  if (!same) {
    return MakeError(ErrorCode::kInvalidArgument, "nobody could read such a config: {}", same.error().message());
  }
  CHECK(*same);
  return object;
}

// A config as of `owner`, numbered one higher.
Result<Bytes> SealNext(const Keyring& owner, const ConfigPublicPart& public_part, const ConfigSealedPart& sealed_part,
                       const Secret32& root_seed, const Random& random) {
  const ObjectHeader header =
      NewConfigHeader(owner.family(), owner.newest_epoch().epoch, owner.config_number() + 1, random);
  return SealAndRead(owner.config_number() + 1, header, public_part, sealed_part, owner.newest_epoch().index,
                     root_seed);
}

Result<void> CheckNewSlot(const NewSlot& slot) {
  if (!slot.rights.Has(Rights::kCommonKeys)) {
    return MakeError(ErrorCode::kInvalidArgument, "rights {:#010x} leave out the keys that every key holds",
                     slot.rights.bits);
  }
  if (slot.label.size() > limits::kNameBytesMax || slot.host_pattern.size() > limits::kNameBytesMax) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "a label of {} and a host pattern of {} bytes, at most {} are allowed", slot.label.size(),
                     slot.host_pattern.size(), limits::kNameBytesMax);
  }
  return {};
}

Result<AllSecrets> SecretsOf(const Keyring& owner) {
  ASSIGN_OR_RETURN(const Secret32* data_id, owner.data_id_key());
  ASSIGN_OR_RETURN(const Secret32* metadata_id, owner.metadata_id_key());
  ASSIGN_OR_RETURN(const Secret32* chunking, owner.chunking_key());
  ASSIGN_OR_RETURN(const Secret32* root_seed, owner.root_seed());
  for (const EpochKeys& keys : owner.epochs()) {
    if (!keys.content_secret || !keys.metadata_secret) {
      return MakeError(ErrorCode::kNoRight, "this key does not hold all secret keys of epoch {}", keys.epoch);
    }
  }
  return AllSecrets{*data_id, *metadata_id, *chunking, *root_seed, owner.epochs()};
}

EpochKeys NewEpoch(uint32_t number, const Random& random) {
  Secret32 content = Secret32::Random(random);
  Secret32 metadata = Secret32::Random(random);
  const PublicKey content_public = X25519PublicKey(content);
  const PublicKey metadata_public = X25519PublicKey(metadata);
  return {number,
          content_public,
          metadata_public,
          Secret32::Random(random),
          Secret32::Random(random),
          std::move(content),
          std::move(metadata)};
}

EpochKeys CopyOf(const EpochKeys& keys) {
  return {keys.epoch,
          keys.content_public,
          keys.metadata_public,
          keys.index.Copy(),
          keys.preshared.Copy(),
          keys.content_secret->Copy(),
          keys.metadata_secret->Copy()};
}

}  // namespace

Result<NewRepository> MakeRepository(const NewRepositoryOptions& options, const Random& random, const Clock& clock) {
  const Keyring* from = options.same_keys_as;
  if (from != nullptr) {
    RETURN_IF_ERROR(from->Need(Rights::kOwn, "sharing a repository's keys"));
    RETURN_IF_ERROR(SecretsOf(*from));
  }
  const NewSlot owner{kOwnerRights, options.owner_label, "*"};
  RETURN_IF_ERROR(CheckNewSlot(owner));
  const auto key = [&](Result<const Secret32*> shared) {
    return from != nullptr ? (*shared)->Copy() : Secret32::Random(random);
  };
  const Error none(ErrorCode::kNoRight, "no repository to share the keys of");
  const Secret32 data_id = key(from ? from->data_id_key() : none);
  const Secret32 metadata_id = key(from ? from->metadata_id_key() : none);
  const Secret32 chunking = key(from ? from->chunking_key() : none);
  std::vector<EpochKeys> epochs;
  if (from != nullptr) {
    for (const EpochKeys& keys : from->epochs()) epochs.push_back(CopyOf(keys));
  } else {
    epochs.push_back(NewEpoch(1, random));
  }
  const FamilyId family = from != nullptr ? from->family() : random.NewId<FamilyId>();
  const Secret32 root_seed = Secret32::Random(random);

  NewRepository made{family, SlotKeys::New(random.NewId<SlotId>(), Ed25519PublicKey(root_seed), random), {}};
  made.owner.label = options.owner_label;
  ConfigPublicPart public_part;
  public_part.repository = random.NewId<RepositoryId>();
  for (const EpochKeys& keys : epochs) {
    public_part.epochs.push_back({keys.epoch, keys.content_public, keys.metadata_public});
  }
  ConfigSealedPart sealed_part;
  sealed_part.suite = options.suite;
  sealed_part.chunkers = options.chunkers;
  sealed_part.pack_bytes = options.pack_bytes;
  sealed_part.certificates.push_back(NewCertificate(made.owner, owner, clock));
  const AllSecrets all{data_id, metadata_id, chunking, root_seed, epochs};
  public_part.envelopes.push_back({made.owner.slot, SealSlotSecrets(all, kOwnerRights, family, made.owner.slot,
                                                                    sealed_part.certificates[0].x25519, random)});
  const ObjectHeader header = NewConfigHeader(family, epochs.back().epoch, 1, random);
  ASSIGN_OR_RETURN(made.config_object,
                   SealAndRead(1, header, public_part, sealed_part, epochs.back().index, root_seed));
  return made;
}

Result<ConfigWithSlot> MakeConfigWithSlot(const Keyring& owner, const NewSlot& slot, const Random& random,
                                          const Clock& clock) {
  RETURN_IF_ERROR(owner.Need(Rights::kOwn, "adding a key"));
  RETURN_IF_ERROR(CheckNewSlot(slot));
  ASSIGN_OR_RETURN(const AllSecrets all, SecretsOf(owner));
  if (owner.certificates().size() >= limits::kSlotsMax) {
    return MakeError(ErrorCode::kInvalidArgument, "there are {} keys already, the format's limit",
                     owner.certificates().size());
  }
  ConfigWithSlot made{SlotKeys::New(random.NewId<SlotId>(), owner.slot_keys().root_public, random), {}};
  made.slot.label = slot.label;
  ConfigPublicPart public_part = owner.public_part();
  ConfigSealedPart sealed_part = owner.sealed_part();
  public_part.previous = owner.config_digest();
  sealed_part.certificates.push_back(NewCertificate(made.slot, slot, clock));
  public_part.envelopes.push_back({made.slot.slot, SealSlotSecrets(all, slot.rights, owner.family(), made.slot.slot,
                                                                   sealed_part.certificates.back().x25519, random)});
  Sort(public_part, sealed_part);
  ASSIGN_OR_RETURN(made.config_object, SealNext(owner, public_part, sealed_part, all.root_seed, random));
  return made;
}

Result<Bytes> MakeConfigWithoutSlot(const Keyring& owner, const SlotId& slot, uint64_t counter_max,
                                    const Random& random) {
  RETURN_IF_ERROR(owner.Need(Rights::kOwn, "removing a key"));
  ASSIGN_OR_RETURN(const AllSecrets all, SecretsOf(owner));
  ConfigPublicPart public_part = owner.public_part();
  ConfigSealedPart sealed_part = owner.sealed_part();
  public_part.previous = owner.config_digest();
  const auto found = std::ranges::find(sealed_part.certificates, slot, &Certificate::slot);
  if (found == sealed_part.certificates.end()) {
    return MakeError(ErrorCode::kNotFound, "there is no key {}", slot.ToHex());
  }
  if (found->revoked) return MakeError(ErrorCode::kInvalidArgument, "key {} was removed before", slot.ToHex());
  const auto owners = std::ranges::count_if(sealed_part.certificates, [](const Certificate& certificate) {
    return certificate.rights.Has(Rights::kOwn) && !certificate.revoked;
  });
  if (found->rights.Has(Rights::kOwn) && owners == 1) {
    return MakeError(ErrorCode::kInvalidArgument, "key {} is the last owner: nobody could change anything any more",
                     slot.ToHex());
  }
  found->revoked = true;
  found->counter_max = counter_max;
  std::erase_if(public_part.envelopes, [&](const SlotEnvelope& envelope) { return envelope.slot == slot; });
  return SealNext(owner, public_part, sealed_part, all.root_seed, random);
}

Result<Bytes> MakeConfigThatKeeps(const Keyring& owner, uint32_t keep_deleted_seconds, const Random& random) {
  RETURN_IF_ERROR(owner.Need(Rights::kOwn, "changing the config"));
  ASSIGN_OR_RETURN(const Secret32* root_seed, owner.root_seed());
  ConfigPublicPart public_part = owner.public_part();
  ConfigSealedPart sealed_part = owner.sealed_part();
  public_part.previous = owner.config_digest();
  sealed_part.keep_deleted_seconds = keep_deleted_seconds;
  return SealNext(owner, public_part, sealed_part, *root_seed, random);
}

}  // namespace cairn
