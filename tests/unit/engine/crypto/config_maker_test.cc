#include "engine/crypto/config_maker.h"

#include "repo-format/limits.h"
#include "tests/unit/engine/crypto/config_surgery.h"

namespace cairn {
namespace {

using crypto_test::ConfigSurgery;
using crypto_test::CopyOf;
using crypto_test::kRoles;
using crypto_test::SeededRandom;
using crypto_test::TestRepository;

Result<NewRepository> Make(const NewRepositoryOptions& options) {
  return MakeRepository(options, SeededRandom(1), SystemClock());
}

TEST(MakeRepository, GivesAConfigThatItsOwnerOpens) {
  const ChunkerSettings chunker{
      .source = SourceKind::kFiles, .chunker = 2, .size_min = 1'000, .size_average = 4'000, .size_max = 16'000};
  auto made =
      Make({.suite = Suite::kChaCha20Poly1305, .chunkers = {chunker}, .pack_bytes = 1 << 20, .owner_label = "first"});
  ASSERT_TRUE(made);
  const auto owner = Keyring::Open(CopyOf(made->owner), 1, made->config_object);
  ASSERT_TRUE(owner);
  EXPECT_EQ(owner->sealed_part().suite, Suite::kChaCha20Poly1305);
  EXPECT_EQ(owner->sealed_part().chunkers, std::vector{chunker});
  EXPECT_EQ(owner->sealed_part().pack_bytes, 1u << 20);
  EXPECT_EQ(owner->certificate().label, "first");
  EXPECT_EQ(owner->certificate().rights, kOwnerRights);
  EXPECT_TRUE(owner->public_part().previous.IsZero());
  EXPECT_EQ(owner->newest_epoch().epoch, 1u);
  EXPECT_EQ(owner->family(), made->family);
}

TEST(MakeRepository, IssuesTheCertificateNow) {
  auto made = Make({});
  const auto owner = Keyring::Open(CopyOf(made->owner), 1, made->config_object);
  EXPECT_NEAR(static_cast<double>(owner->certificate().issued.seconds),
              static_cast<double>(SystemClock().Now() / 1'000'000'000), 60);
}

TEST(MakeRepository, RefusesWhatNobodyCouldRead) {
  const ChunkerSettings files{.source = SourceKind::kFiles, .size_min = 1, .size_average = 2, .size_max = 3};
  const ChunkerSettings stream{.source = SourceKind::kStream, .size_min = 1, .size_average = 2, .size_max = 3};
  EXPECT_CODE(kInvalidArgument, Make({.chunkers = {stream, files}}));
  EXPECT_CODE(kInvalidArgument, Make({.chunkers = {{.size_min = 3, .size_average = 2, .size_max = 1}}}));
  EXPECT_CODE(kInvalidArgument, Make({.pack_bytes = 1}));
  EXPECT_CODE(kInvalidArgument, Make({.pack_bytes = UINT32_MAX}));
  EXPECT_CODE(kInvalidArgument, Make({.owner_label = std::string(limits::kNameBytesMax + 1, 'x')}));
  EXPECT_TRUE(Make({.owner_label = std::string(limits::kNameBytesMax, 'x')}));
}

class ConfigMaker : public testing::Test {
 protected:
  Result<ConfigWithSlot> Add(const Keyring& by, const NewSlot& slot) const {
    return MakeConfigWithSlot(by, slot, repository_.random(), SystemClock());
  }

  TestRepository repository_;
};

TEST_F(ConfigMaker, SharesTheKeysOfAFamily) {
  const Keyring first = repository_.As("owner");
  auto made = MakeRepository({.same_keys_as = &first}, SeededRandom(2), SystemClock());
  ASSERT_TRUE(made);
  const auto second = Keyring::Open(CopyOf(made->owner), 1, made->config_object);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->family(), first.family());
  EXPECT_TRUE((*second->data_id_key())->EqualTo(**first.data_id_key()));
  EXPECT_TRUE((*second->metadata_id_key())->EqualTo(**first.metadata_id_key()));
  EXPECT_TRUE((*second->chunking_key())->EqualTo(**first.chunking_key()));
  EXPECT_TRUE(second->newest_epoch().index.EqualTo(first.newest_epoch().index));
  EXPECT_TRUE(second->newest_epoch().content_secret->EqualTo(*first.newest_epoch().content_secret));
  EXPECT_NE(second->repository(), first.repository());
  EXPECT_NE(second->slot(), first.slot());
  EXPECT_FALSE((*second->root_seed())->EqualTo(**first.root_seed()));
}

TEST_F(ConfigMaker, SharesKeysForAnOwnerOnly) {
  for (const std::string_view role : kRoles) {
    const Keyring keyring = repository_.As(role);
    const auto made = MakeRepository({.same_keys_as = &keyring}, SeededRandom(2), SystemClock());
    EXPECT_EQ(made.has_value(), role == "owner") << role;
    if (!made) {
      EXPECT_EQ(made.error().code(), ErrorCode::kNoRight) << role;
    }
  }
}

TEST_F(ConfigMaker, AddsASlotAndChainsToTheConfigBefore) {
  const Keyring before = repository_.As("owner");
  auto with = Add(before, {.rights = kReaderRights, .label = "new", .host_pattern = "web-*"});
  ASSERT_TRUE(with);
  const auto added = Keyring::Open(CopyOf(with->slot), repository_.number() + 1, with->config_object);
  ASSERT_TRUE(added);
  EXPECT_EQ(added->public_part().previous, Sha256(repository_.config()));
  EXPECT_EQ(added->certificate().label, "new");
  EXPECT_EQ(added->certificate().host_pattern, "web-*");
  EXPECT_EQ(added->certificate().rights, kReaderRights);
  EXPECT_EQ(added->certificates().size(), before.certificates().size() + 1);
  for (const SlotEnvelope& envelope : before.public_part().envelopes) {
    EXPECT_EQ(std::ranges::count(added->public_part().envelopes, envelope), 1) << "an envelope was not kept as it is";
  }
}

TEST_F(ConfigMaker, ChangesNothingForOthers) {
  const auto with = Add(repository_.As("owner"), {.rights = kReaderRights});
  ASSERT_TRUE(with);
  for (const std::string_view role : kRoles) {
    EXPECT_TRUE(Keyring::Open(CopyOf(repository_.slot(role)), repository_.number() + 1, with->config_object)) << role;
  }
}

TEST_F(ConfigMaker, AddsAndRemovesForAnOwnerOnly) {
  for (const std::string_view role : kRoles) {
    if (role == "owner") continue;
    EXPECT_CODE(kNoRight, Add(repository_.As(role), {.rights = kReaderRights})) << role;
    EXPECT_CODE(kNoRight,
                MakeConfigWithoutSlot(repository_.As(role), repository_.slot("reader").slot, 0, repository_.random()))
        << role;
  }
}

TEST_F(ConfigMaker, RefusesASlotThatNobodyCouldRead) {
  const Keyring owner = repository_.As("owner");
  EXPECT_CODE(kInvalidArgument, Add(owner, {.rights = kReaderRights, .label = std::string(5'000, 'x')}));
  EXPECT_CODE(kInvalidArgument, Add(owner, {.rights = kReaderRights, .host_pattern = std::string(5'000, 'x')}));
  EXPECT_CODE(kInvalidArgument, Add(owner, {.rights = Rights{Rights::kMetadataIdKey}}));
}

TEST_F(ConfigMaker, RefusesMoreSlotsThanTheFormatHas) {
  ConfigSurgery surgery(repository_);
  while (surgery.sealed_part.certificates.size() < limits::kSlotsMax) {
    Certificate certificate{.slot = SystemRandom().NewId<SlotId>(), .revoked = true};
    SystemRandom().Fill(certificate.ed25519);
    SystemRandom().Fill(certificate.x25519);
    surgery.sealed_part.certificates.push_back(certificate);
  }
  std::ranges::sort(surgery.sealed_part.certificates, {}, &Certificate::slot);
  const auto owner = surgery.OpenAs(repository_.slot("owner"));
  ASSERT_TRUE(owner);
  EXPECT_CODE(kInvalidArgument, Add(*owner, {.rights = kReaderRights}));
}

TEST_F(ConfigMaker, RevokesASlotAndKeepsItsCertificate) {
  const SlotId writer = repository_.slot("writer").slot;
  repository_.RemoveSlot("writer", 42);
  const Keyring owner = repository_.As("owner");
  const Certificate* certificate = owner.FindCertificate(writer);
  ASSERT_NE(certificate, nullptr);
  EXPECT_TRUE(certificate->revoked);
  EXPECT_EQ(certificate->counter_max, 42u);
  EXPECT_EQ(std::ranges::count(owner.public_part().envelopes, writer, &SlotEnvelope::slot), 0);
  EXPECT_CODE(kNoRight, repository_.Open("writer"));
}

TEST_F(ConfigMaker, RemovesNobodyTwiceAndNobodyUnknown) {
  repository_.RemoveSlot("writer", 1);
  const Keyring owner = repository_.As("owner");
  EXPECT_CODE(kInvalidArgument, MakeConfigWithoutSlot(owner, repository_.slot("writer").slot, 2, repository_.random()));
  EXPECT_CODE(kNotFound, MakeConfigWithoutSlot(owner, SlotId(), 0, repository_.random()));
}

TEST_F(ConfigMaker, KeepsTheLastOwner) {
  const SlotId first = repository_.slot("owner").slot;
  EXPECT_CODE(kInvalidArgument, MakeConfigWithoutSlot(repository_.As("owner"), first, 0, repository_.random()));
  repository_.AddSlot("second", kOwnerRights);
  const auto by_second = MakeConfigWithoutSlot(repository_.As("second"), first, 0, repository_.random());
  ASSERT_TRUE(by_second);
  repository_.Advance(*by_second);
  EXPECT_CODE(kNoRight, repository_.Open("owner"));
  EXPECT_CODE(kInvalidArgument, MakeConfigWithoutSlot(repository_.As("second"), repository_.slot("second").slot, 0,
                                                      repository_.random()));
}

TEST_F(ConfigMaker, AnOwnerMayRemoveItself) {
  repository_.AddSlot("second", kOwnerRights);
  repository_.RemoveSlot("owner", 0);
  EXPECT_TRUE(repository_.Open("second"));
}

TEST_F(ConfigMaker, CarriesOnWhatItDoesNotKnow) {
  ConfigSurgery surgery(repository_);
  surgery.public_part.unknown.push_back({.tag = 200, .value = Bytes(3, 1)});
  surgery.sealed_part.unknown.push_back({.tag = 202, .value = Bytes(3, 2)});
  surgery.public_part.features.compat = 8;
  const auto owner = surgery.OpenAs(repository_.slot("owner"));
  ASSERT_TRUE(owner);
  const auto with = Add(*owner, {.rights = kReaderRights});
  ASSERT_TRUE(with);
  const auto next = Keyring::Open(CopyOf(repository_.slot("owner")), repository_.number() + 1, with->config_object);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->public_part().unknown, surgery.public_part.unknown);
  EXPECT_EQ(next->sealed_part().unknown, surgery.sealed_part.unknown);
  EXPECT_EQ(next->public_part().features.compat, 8u);
}

TEST_F(ConfigMaker, NeedsAnOwnerWithAllSecretKeys) {
  repository_.AddSlot("poor", Rights{kOwnerRights.bits & ~Rights::kContentKey});
  const Keyring poor = repository_.As("poor");
  EXPECT_CODE(kNoRight, Add(poor, {.rights = kReaderRights}));
  EXPECT_CODE(kNoRight, MakeRepository({.same_keys_as = &poor}, SeededRandom(2), SystemClock()));
}

}  // namespace
}  // namespace cairn
