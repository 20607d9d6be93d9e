#include "engine/crypto/keyring.h"

#include "tests/unit/engine/crypto/config_surgery.h"

namespace cairn {
namespace {

using crypto_test::ConfigSurgery;
using crypto_test::CopyOf;
using crypto_test::SecretFilledWith;
using crypto_test::TestRepository;

struct RoleCase {
  std::string_view role;
  bool content, metadata, data_id, metadata_id, chunking, root;
};

// SPEC 5.1; the chunking key goes with the data id key.
constexpr RoleCase kRoleCases[] = {
    {.role = "writer",
     .content = false,
     .metadata = false,
     .data_id = true,
     .metadata_id = true,
     .chunking = true,
     .root = false},
    {.role = "lister",
     .content = false,
     .metadata = true,
     .data_id = false,
     .metadata_id = true,
     .chunking = false,
     .root = false},
    {.role = "maintainer",
     .content = false,
     .metadata = true,
     .data_id = false,
     .metadata_id = true,
     .chunking = false,
     .root = false},
    {.role = "reader",
     .content = true,
     .metadata = true,
     .data_id = true,
     .metadata_id = true,
     .chunking = true,
     .root = false},
    {.role = "owner",
     .content = true,
     .metadata = true,
     .data_id = true,
     .metadata_id = true,
     .chunking = true,
     .root = true},
};

class KeyringTest : public testing::Test {
 protected:
  const TestRepository repository_;
};

TEST_F(KeyringTest, GivesEachRoleItsKeysAndNoOthers) {
  for (const RoleCase& one : kRoleCases) {
    const Keyring keyring = repository_.As(one.role);
    const EpochKeys& epoch = keyring.newest_epoch();
    EXPECT_EQ(epoch.content_secret.has_value(), one.content) << one.role;
    EXPECT_EQ(epoch.metadata_secret.has_value(), one.metadata) << one.role;
    EXPECT_EQ(keyring.data_id_key().has_value(), one.data_id) << one.role;
    EXPECT_EQ(keyring.metadata_id_key().has_value(), one.metadata_id) << one.role;
    EXPECT_EQ(keyring.chunking_key().has_value(), one.chunking) << one.role;
    EXPECT_EQ(keyring.root_seed().has_value(), one.root) << one.role;
    EXPECT_EQ(RoleName(keyring.rights()), one.role);
  }
}

TEST_F(KeyringTest, GivesAllRolesTheSameKeys) {
  const Keyring owner = repository_.As("owner");
  for (const RoleCase& one : kRoleCases) {
    const Keyring keyring = repository_.As(one.role);
    EXPECT_TRUE(keyring.newest_epoch().index.EqualTo(owner.newest_epoch().index)) << one.role;
    EXPECT_TRUE(keyring.newest_epoch().preshared.EqualTo(owner.newest_epoch().preshared)) << one.role;
    EXPECT_TRUE((*keyring.metadata_id_key())->EqualTo(**owner.metadata_id_key())) << one.role;
    if (one.data_id) {
      EXPECT_TRUE((*keyring.data_id_key())->EqualTo(**owner.data_id_key())) << one.role;
    }
    if (one.chunking) {
      EXPECT_TRUE((*keyring.chunking_key())->EqualTo(**owner.chunking_key())) << one.role;
    }
    EXPECT_EQ(keyring.repository(), owner.repository()) << one.role;
    EXPECT_EQ(keyring.family(), owner.family()) << one.role;
    EXPECT_EQ(keyring.config_digest(), Sha256(repository_.config()));
  }
}

TEST_F(KeyringTest, RefusalsNameTheRole) {
  const Keyring lister = repository_.As("lister");
  const auto refused = lister.data_id_key();
  EXPECT_CODE(kNoRight, refused);
  EXPECT_EQ(refused.error().message(), "this key's role (lister) does not hold the id key of data");
  EXPECT_CODE(kNoRight, lister.chunking_key());
  EXPECT_CODE(kNoRight, lister.root_seed());
  EXPECT_CODE(kNoRight, lister.epoch(2));
}

TEST_F(KeyringTest, NeedNamesTheRolesThatHaveTheRight) {
  const auto refused = repository_.As("writer").Need(Rights::kMaintain, "prune");
  EXPECT_CODE(kNoRight, refused);
  EXPECT_EQ(refused.error().message(), "prune needs the role maintainer or owner; this key's role is writer");
  EXPECT_TRUE(repository_.As("maintainer").Need(Rights::kMaintain, "prune"));
  EXPECT_CODE(kNoRight, repository_.As("reader").Need(Rights::kWrite, "backup"));
  EXPECT_CODE(kNoRight, repository_.As("maintainer").Need(Rights::kOwn, "adding a key"));
}

TEST_F(KeyringTest, FindsTheCertificatesOfAllSlots) {
  const Keyring reader = repository_.As("reader");
  for (const std::string_view role : crypto_test::kRoles) {
    const Certificate* certificate = reader.FindCertificate(repository_.slot(role).slot);
    ASSERT_NE(certificate, nullptr) << role;
    EXPECT_EQ(RoleName(certificate->rights), role);
  }
  EXPECT_EQ(reader.FindCertificate(SlotId()), nullptr);
  EXPECT_EQ(reader.certificates().size(), 5u);
}

TEST_F(KeyringTest, OpensNoConfigWithAnyFlippedByte) {
  const Bytes& config = repository_.config();
  for (size_t offset = 0; offset < config.size(); ++offset) {
    Bytes wrong = config;
    wrong[offset] ^= 0x10;
    EXPECT_FALSE(Keyring::Open(CopyOf(repository_.slot("reader")), repository_.number(), wrong)) << "byte " << offset;
  }
}

TEST_F(KeyringTest, OpensNoTruncatedConfig) {
  const Bytes& config = repository_.config();
  for (size_t size = 0; size < config.size(); ++size) {
    const ByteSpan part = ByteSpan(config).first(size);
    EXPECT_CODE(kCorrupt, Keyring::Open(CopyOf(repository_.slot("reader")), repository_.number(), part)) << size;
  }
}

TEST_F(KeyringTest, ConfigOfAnotherRootIsForged) {
  const ConfigSurgery surgery(repository_);
  EXPECT_CODE(kForged, Keyring::Open(CopyOf(repository_.slot("reader")), repository_.number(),
                                     surgery.SealAs(SecretFilledWith(1))));
  EXPECT_TRUE(surgery.OpenAs(repository_.slot("reader")));
}

TEST_F(KeyringTest, ConfigUnderAnotherNumberIsForged) {
  EXPECT_CODE(kForged,
              Keyring::Open(CopyOf(repository_.slot("reader")), repository_.number() + 1, repository_.config()));
}

TEST_F(KeyringTest, AlteredAndUnsignedConfigIsForged) {
  ConfigSurgery surgery(repository_);
  const Bytes before = surgery.Seal();
  surgery.sealed_part.certificates[0].label = "other";  // same length or not, the old signature is not over this
  Bytes mixed = surgery.Seal();
  std::copy(before.end() - 64, before.end(), mixed.end() - 64);
  EXPECT_CODE(kForged, Keyring::Open(CopyOf(repository_.slot("reader")), repository_.number(), mixed));
}

TEST_F(KeyringTest, OfARemovedSlotDoesNotOpen) {
  TestRepository repository;
  repository.RemoveSlot("writer", 3);
  const auto removed = repository.Open("writer");
  EXPECT_CODE(kNoRight, removed);
  EXPECT_NE(removed.error().message().find("was removed"), std::string::npos);
  EXPECT_TRUE(repository.Open("reader"));
}

TEST_F(KeyringTest, OfASlotThatIsRevokedOrUnknownDoesNotOpenByItsEnvelope) {
  ConfigSurgery surgery(repository_);
  surgery.CertificateOf(repository_.slot("reader")).revoked = true;
  EXPECT_CODE(kNoRight, surgery.OpenAs(repository_.slot("reader")));
  std::erase_if(surgery.sealed_part.certificates, [&](const Certificate& one) { return one.revoked; });
  EXPECT_CODE(kNoRight, surgery.OpenAs(repository_.slot("reader")));
}

TEST_F(KeyringTest, WithoutTheSlotsSecretKeyDoesNotOpen) {
  SlotKeys thief = CopyOf(repository_.slot("reader"));
  thief.x25519_secret = SecretFilledWith(1);
  EXPECT_CODE(kCorrupt, Keyring::Open(std::move(thief), repository_.number(), repository_.config()));
}

TEST_F(KeyringTest, UnknownIncompatibleFeaturesAreUnsupported) {
  ConfigSurgery surgery(repository_);
  surgery.public_part.features.incompat = 4;
  const auto refused = surgery.OpenAs(repository_.slot("owner"));
  EXPECT_CODE(kUnsupported, refused);
  EXPECT_NE(refused.error().message().find("0x4"), std::string::npos);
}

TEST_F(KeyringTest, UnknownReadOnlyFeaturesAllowReading) {
  ConfigSurgery surgery(repository_);
  surgery.public_part.features.ro_compat = 1;
  const auto keyring = surgery.OpenAs(repository_.slot("owner"));
  ASSERT_TRUE(keyring);
  EXPECT_TRUE(keyring->read_only());
}

TEST_F(KeyringTest, UnknownCompatibleFeaturesDoNotMatter) {
  ConfigSurgery surgery(repository_);
  surgery.public_part.features.compat = ~uint64_t{0};
  const auto keyring = surgery.OpenAs(repository_.slot("owner"));
  ASSERT_TRUE(keyring);
  EXPECT_FALSE(keyring->read_only());
}

TEST_F(KeyringTest, UnknownCriticalRecordIsUnsupportedAndNamed) {
  ConfigSurgery surgery(repository_);
  surgery.public_part.unknown.push_back({.tag = 201, .value = {}});
  const auto refused = surgery.OpenAs(repository_.slot("owner"));
  EXPECT_CODE(kUnsupported, refused);
  EXPECT_NE(refused.error().message().find("201"), std::string::npos) << refused.error().message();
}

TEST_F(KeyringTest, WithoutTheNewestEpochDoesNotOpen) {
  ConfigSurgery surgery(repository_);
  EpochPublicKeys next = surgery.public_part.epochs[0];
  next.epoch = 2;
  surgery.public_part.epochs.push_back(next);
  surgery.header.epoch = 2;
  EXPECT_CODE(kNoRight, surgery.OpenAs(repository_.slot("owner")));
}

TEST_F(KeyringTest, HeaderOfAnotherEpochIsCorrupt) {
  ConfigSurgery surgery(repository_);
  surgery.header.epoch = 7;
  EXPECT_CODE(kCorrupt, surgery.OpenAs(repository_.slot("owner")));
}

TEST_F(KeyringTest, PublicKeyOfSmallOrderIsCorrupt) {
  ConfigSurgery surgery(repository_);
  surgery.public_part.epochs[0].content = PublicKey{};
  EXPECT_CODE(kCorrupt, surgery.OpenAs(repository_.slot("writer")));  // a writer would seal its secrets to it
}

TEST_F(KeyringTest, PublicKeyThatDoesNotFitTheSecretIsCorrupt) {
  ConfigSurgery surgery(repository_);
  surgery.public_part.epochs[0].content = X25519PublicKey(SecretFilledWith(1));
  EXPECT_CODE(kCorrupt, surgery.OpenAs(repository_.slot("owner")));
}

TEST_F(KeyringTest, SecretsOfAnEpochThatTheConfigLacksAreCorrupt) {
  ConfigSurgery surgery(repository_);
  const SlotKeys& reader = repository_.slot("reader");
  SlotSecrets secrets = surgery.SecretsOf(reader);
  secrets.epochs.push_back(secrets.epochs[0]);
  secrets.epochs.back().epoch = 2;
  surgery.GiveSecrets(reader, secrets);
  EXPECT_CODE(kCorrupt, surgery.OpenAs(reader));
}

TEST_F(KeyringTest, CertificateForOtherKeysIsCorrupt) {
  ConfigSurgery ed25519(repository_);
  ed25519.CertificateOf(repository_.slot("reader")).ed25519 = Ed25519PublicKey(SecretFilledWith(1));
  EXPECT_CODE(kCorrupt, ed25519.OpenAs(repository_.slot("reader")));
  ConfigSurgery x25519(repository_);
  x25519.CertificateOf(repository_.slot("reader")).x25519 = X25519PublicKey(SecretFilledWith(1));
  EXPECT_CODE(kCorrupt, x25519.OpenAs(repository_.slot("reader")));
}

TEST_F(KeyringTest, CertificatesThatShareAKeyAreCorrupt) {
  for (const auto member : {&Certificate::ed25519, &Certificate::x25519}) {
    ConfigSurgery surgery(repository_);
    surgery.CertificateOf(repository_.slot("writer")).*member =
        surgery.CertificateOf(repository_.slot("maintainer")).*member;
    EXPECT_CODE(kCorrupt, surgery.OpenAs(repository_.slot("reader")));
  }
}

TEST_F(KeyringTest, RootSeedOfAnotherRootIsCorrupt) {
  ConfigSurgery surgery(repository_);
  const SlotKeys& owner = repository_.slot("owner");
  SlotSecrets secrets = surgery.SecretsOf(owner);
  secrets.root_seed->fill(1);
  surgery.GiveSecrets(owner, secrets);
  EXPECT_CODE(kCorrupt, surgery.OpenAs(owner));
}

TEST_F(KeyringTest, KeepsTheKeysOfOlderEpochs) {
  ConfigSurgery surgery(repository_);
  const SlotKeys& owner = repository_.slot("owner");
  SlotSecrets secrets = surgery.SecretsOf(owner);
  EpochPublicKeys next = surgery.public_part.epochs[0];
  next.epoch = 5;
  surgery.public_part.epochs.push_back(next);
  secrets.epochs.push_back(secrets.epochs[0]);
  secrets.epochs.back().epoch = 5;
  surgery.GiveSecrets(owner, secrets);
  surgery.header.epoch = 5;
  const auto keyring = surgery.OpenAs(owner);
  ASSERT_TRUE(keyring);
  EXPECT_EQ(keyring->newest_epoch().epoch, 5u);
  EXPECT_EQ((*keyring->epoch(1))->epoch, 1u);
  EXPECT_CODE(kNoRight, keyring->epoch(4));
}

TEST(SlotKeysTest, TakeTheSecretsAndWipeThem) {
  KeyObjectSecrets secrets;
  secrets.x25519_secret.fill(1);
  secrets.ed25519_seed.fill(2);
  secrets.label = "laptop";
  secrets.config_min = 9;
  const SlotKeys keys = SlotKeys::From(std::move(secrets));
  EXPECT_TRUE(keys.x25519_secret.EqualTo(SecretFilledWith(1)));
  EXPECT_TRUE(keys.ed25519_seed.EqualTo(SecretFilledWith(2)));
  EXPECT_EQ(keys.label, "laptop");
  EXPECT_EQ(keys.config_min, 9u);
  EXPECT_EQ(secrets.x25519_secret, (std::array<uint8_t, 32>{}));  // NOLINT: that it was wiped is the point
  EXPECT_EQ(secrets.ed25519_seed, (std::array<uint8_t, 32>{}));
}

}  // namespace
}  // namespace cairn
