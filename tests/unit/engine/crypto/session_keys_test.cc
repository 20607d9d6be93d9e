#include "engine/crypto/session_keys.h"

#include <thread>

#include "engine/crypto/hpke.h"
#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn {
namespace {

using crypto_test::RawIdOf;
using crypto_test::TestRepository;

class SessionKeysTest : public testing::Test {
 protected:
  Result<std::shared_ptr<const Secret32>> Open(const Keyring& keyring, BlobKind kind) const {
    return SessionKeyCache(keyring).Get(keys_.session, keys_.epoch, kind, keys_.envelope(kind));
  }

  const TestRepository repository_;
  const Keyring writer_ = repository_.As("writer");
  const Keyring owner_ = repository_.As("owner");
  const SessionId session_ = SessionId::FromBytes(RawIdOf(8));
  const SessionKeys keys_ = SessionKeys::New(writer_, session_, repository_.random());
};

// SPEC 5.4, written a second time.
TEST_F(SessionKeysTest, KeyIsTheSecretMixedWithThePreSharedKey) {
  for (const BlobKind kind : {BlobKind::kData, BlobKind::kMetadata}) {
    WireWriter binding;
    binding.Put(owner_.family());
    binding.U32(keys_.epoch);
    binding.Put(session_);
    binding.U8(kind == BlobKind::kData ? 1 : 2);
    Bytes info = ToBytes(AsBytes("cairn session 1"));
    Append(info, binding.bytes());
    const EpochKeys& epoch = owner_.newest_epoch();
    const auto secret =
        HpkeOpen(kind == BlobKind::kData ? *epoch.content_secret : *epoch.metadata_secret, info, keys_.envelope(kind));
    ASSERT_TRUE(secret);
    EXPECT_EQ(secret->size(), 32u);
    EXPECT_TRUE(keys_.key(kind).EqualTo(
        Hkdf(*secret, epoch.preshared.bytes(), {AsBytes("cairn session key 1"), binding.bytes()})));
  }
}

TEST_F(SessionKeysTest, ContentAndMetadataDiffer) { EXPECT_FALSE(keys_.content.EqualTo(keys_.metadata)); }

TEST_F(SessionKeysTest, OpenForTheRolesThatMayRead) {
  for (const std::string_view role : crypto_test::kRoles) {
    const Keyring keyring = repository_.As(role);
    const auto content = Open(keyring, BlobKind::kData);
    const auto metadata = Open(keyring, BlobKind::kMetadata);
    const bool reads_data = role == "owner" || role == "reader";
    if (reads_data) {
      ASSERT_TRUE(content) << role;
      EXPECT_TRUE((*content)->EqualTo(keys_.content)) << role;
    } else {
      EXPECT_CODE(kNoRight, content) << role;
    }
    if (role != "writer") {
      ASSERT_TRUE(metadata) << role;
      EXPECT_TRUE((*metadata)->EqualTo(keys_.metadata)) << role;
    } else {
      EXPECT_CODE(kNoRight, metadata) << role;
    }
  }
}

TEST_F(SessionKeysTest, ErrorNamesTheRole) {
  const auto refused = Open(writer_, BlobKind::kData);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message().find("writer"), std::string::npos) << refused.error().message();
}

TEST_F(SessionKeysTest, EnvelopeIsBoundToSessionEpochKindAndFamily) {
  SessionKeyCache cache(owner_);
  const SessionId other = SessionId::FromBytes(RawIdOf(9));
  EXPECT_CODE(kCorrupt, cache.Get(other, 1, BlobKind::kData, keys_.content_envelope));
  EXPECT_CODE(kCorrupt, cache.Get(session_, 1, BlobKind::kData, keys_.metadata_envelope));
  EXPECT_CODE(kCorrupt, cache.Get(session_, 1, BlobKind::kMetadata, keys_.content_envelope));
  EXPECT_CODE(kNoRight, cache.Get(session_, 2, BlobKind::kData, keys_.content_envelope));

  auto made = MakeRepository({}, crypto_test::SeededRandom(99), SystemClock());
  const auto stranger = Keyring::Open(std::move(made->owner), 1, made->config_object);
  EXPECT_CODE(kCorrupt, Open(*stranger, BlobKind::kData));
}

TEST_F(SessionKeysTest, EnvelopeOfAnotherLengthIsCorrupt) {
  WireWriter info;
  info.Raw(AsBytes("cairn session 1"));
  info.Put(owner_.family());
  info.U32(1);
  info.Put(session_);
  info.U8(1);
  const Envelope shorter =
      HpkeSeal(owner_.newest_epoch().content_public, info.bytes(), Bytes(31, 1), repository_.random());
  EXPECT_CODE(kCorrupt, SessionKeyCache(owner_).Get(session_, 1, BlobKind::kData, shorter));
}

TEST_F(SessionKeysTest, CacheGivesTheSameKeyAgain) {
  SessionKeyCache cache(owner_);
  const auto first = cache.Get(session_, 1, BlobKind::kData, keys_.content_envelope);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, *cache.Get(session_, 1, BlobKind::kData, keys_.content_envelope));
}

// A pack of a bad writer may give an envelope of its own for the session of somebody else.
TEST_F(SessionKeysTest, AnotherEnvelopeForASessionDoesNotSpoilIt) {
  SessionKeyCache cache(owner_);
  const SessionKeys fake = SessionKeys::New(writer_, session_, repository_.random());
  const auto poisoned = cache.Get(session_, 1, BlobKind::kData, fake.content_envelope);
  ASSERT_TRUE(poisoned);
  EXPECT_TRUE((*poisoned)->EqualTo(fake.content));
  const auto right = cache.Get(session_, 1, BlobKind::kData, keys_.content_envelope);
  ASSERT_TRUE(right);
  EXPECT_TRUE((*right)->EqualTo(keys_.content));
}

TEST_F(SessionKeysTest, CacheServesManyThreads) {
  SessionKeyCache cache(owner_);
  std::array<bool, 4> right{};
  {
    std::vector<std::jthread> threads;
    for (bool& one : right) {
      threads.emplace_back([&] {
        one = true;
        for (int i = 0; i < 50; ++i) {
          const auto key = cache.Get(session_, 1, BlobKind::kData, keys_.content_envelope);
          one = one && key && (*key)->EqualTo(keys_.content);
        }
      });
    }
  }
  EXPECT_EQ(right, (std::array<bool, 4>{true, true, true, true}));
}

}  // namespace
}  // namespace cairn
