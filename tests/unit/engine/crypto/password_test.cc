#include "engine/crypto/password.h"

#include "repo-format/limits.h"
#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn {
namespace {

using crypto_test::Hex;
using crypto_test::RawIdOf;
using crypto_test::SeededRandom;

const KeyId kKey = KeyId::FromBytes(RawIdOf(0x0e));
const FamilyId kFamily = FamilyId::FromBytes(RawIdOf(0x0f));
constexpr size_t kBodyAt = ObjectHeader::kSize;
constexpr size_t kSealedAt = ObjectHeader::kSize + KeyObjectBody::kClearSize;

KeyObjectSecrets SomeSecrets() {
  KeyObjectSecrets secrets;
  secrets.slot = SlotId::FromBytes(RawIdOf(3));
  secrets.x25519_secret.fill(4);
  secrets.ed25519_seed.fill(5);
  secrets.root_public.fill(6);
  secrets.config_min = 7;
  secrets.label = "laptop";
  return secrets;
}

Result<Bytes> Seal(std::string_view password, const PasswordCost& cost = PasswordCost::ForTests()) {
  return SealKeyObject(kFamily, kKey, AsBytes(password), SomeSecrets(), cost, SeededRandom(1));
}

class KeyObject : public testing::Test {
 protected:
  Result<KeyObjectSecrets> Open(ByteSpan object, std::string_view password = "secret") {
    return OpenKeyObject(object, kKey, AsBytes(password));
  }
  Bytes Changed(size_t offset, uint8_t value) const {
    Bytes wrong = object_;
    wrong[offset] = value;
    return wrong;
  }
  Bytes Flipped(size_t offset) const { return Changed(offset, object_[offset] ^ 1); }

  const Bytes object_ = *Seal("secret");
};

TEST_F(KeyObject, OpensWithItsPassword) {
  const auto opened = Open(object_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->slot, SomeSecrets().slot);
  EXPECT_EQ(opened->x25519_secret, SomeSecrets().x25519_secret);
  EXPECT_EQ(opened->ed25519_seed, SomeSecrets().ed25519_seed);
  EXPECT_EQ(opened->root_public, SomeSecrets().root_public);
  EXPECT_EQ(opened->config_min, 7u);
  EXPECT_EQ(opened->label, "laptop");
}

// Made by argon2-cffi and the Python package cryptography: 8 MiB, 2 passes.
TEST(KeyObjectVector, OfAnotherImplementationOpens) {
  const Bytes object =
      Hex("636169726e0002010000000000000000202122232425262728292a2b2c2d2e2f0000000000000200101112131415161718191a1b"
          "1c1d1e1f606162636465666768696a6b6c6d6e6fca00000000000000000000000000000000000000000000000100200000020000"
          "0001707172737475767778797a7b7c7d7e7fe48405dd4a93fb99514f00107e76c379574fd8fd7bdc8eab1bd8cb99989036649527"
          "ef8592fd71f6d2ce0185709ca6e68b475c6efbab1fe1f5ab384fb30d21aaa289a3baa3891d6057af3481a39a67a6e2c314631d96"
          "8dc1eeae0d82efdf49ebbeed56951ca86ade4f0cc900948fa604341cd571e596050b7361773055153605bec154fb628536e3631f"
          "11e5c12f42c3994dbad69afa4a45b8665df725aca0b4779fbef55c2a31d9bf0e332d18aaf33f");
  const auto opened =
      OpenKeyObject(object, *KeyId::Parse("101112131415161718191a1b1c1d1e1f"), AsBytes("correct horse"));
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->slot.ToHex(), "404142434445464748494a4b4c4d4e4f");
  EXPECT_EQ(ToHex(opened->x25519_secret).substr(0, 4), "5151");
  EXPECT_EQ(ToHex(opened->ed25519_seed).substr(60), "5252");
  EXPECT_EQ(ToHex(opened->root_public).substr(60), "5353");
  EXPECT_EQ(opened->config_min, 7u);
  EXPECT_EQ(opened->label, "laptop");
}

TEST_F(KeyObject, WithAnotherPasswordIsTheWrongKey) {
  EXPECT_CODE(kWrongKey, Open(object_, "Secret"));
  EXPECT_CODE(kWrongKey, Open(object_, ""));
  EXPECT_CODE(kWrongKey, Open(object_, std::string(100'000, 'x')));
}

TEST_F(KeyObject, DamagedBehindItsCommitmentIsCorruptNotTheWrongKey) {
  for (size_t offset = kSealedAt; offset < object_.size(); ++offset) {
    EXPECT_CODE(kCorrupt, Open(Flipped(offset))) << "byte " << offset;
  }
}

TEST_F(KeyObject, DamagedInWhatTheCommitmentCoversLooksLikeTheWrongKey) {
  for (const size_t offset : {size_t{16}, size_t{56}, kBodyAt + 10, kBodyAt + 25, kBodyAt + 26, kBodyAt + 57}) {
    EXPECT_CODE(kWrongKey, Open(Flipped(offset))) << "byte " << offset;  // family, salts, commitment
  }
}

TEST_F(KeyObject, OpensWithNoFlippedByteOfItsHeader) {
  for (size_t offset = 0; offset < kBodyAt; ++offset) {
    EXPECT_FALSE(Open(Flipped(offset))) << "byte " << offset;
  }
}

TEST_F(KeyObject, TruncatedOrExtendedIsCorrupt) {
  for (size_t size = 0; size < object_.size(); ++size) {
    EXPECT_CODE(kCorrupt, Open(ByteSpan(object_).first(size))) << size;
  }
  Bytes longer = object_;
  longer.push_back(0);
  EXPECT_CODE(kCorrupt, Open(longer));
}

TEST_F(KeyObject, UnderAnotherNameIsCorrupt) {
  EXPECT_CODE(kCorrupt, OpenKeyObject(object_, KeyId(), AsBytes("secret")));
}

TEST_F(KeyObject, OfAnEpochIsCorrupt) { EXPECT_CODE(kCorrupt, Open(Flipped(32))); }

TEST_F(KeyObject, OfAnotherSuiteOrKdfIsUnsupported) {
  EXPECT_CODE(kUnsupported, Open(Changed(38, 1)));
  EXPECT_CODE(kUnsupported, Open(Changed(38, 9)));
  EXPECT_CODE(kUnsupported, Open(Changed(kBodyAt, 2)));
}

TEST_F(KeyObject, LargerThanItsKindMayBeIsCorrupt) {
  Bytes large = object_;
  large.resize(5'000, 0);
  large[72] = static_cast<uint8_t>((5'000 - kBodyAt) & 0xff);
  large[73] = static_cast<uint8_t>((5'000 - kBodyAt) >> 8);
  const auto opened = Open(large);
  EXPECT_CODE(kCorrupt, opened);
  EXPECT_NE(opened.error().message().find("at most 4096"), std::string::npos) << opened.error().message();
}

struct KdfLimit {
  size_t offset;
  uint32_t value;
};

// Each of these would take minutes or gigabytes if it were run.
TEST_F(KeyObject, AsksForNoMoreWorkThanTheLimitsAllow) {
  for (const KdfLimit& one : {KdfLimit{1, 8'191}, KdfLimit{1, 0}, KdfLimit{1, 4'194'305}, KdfLimit{1, UINT32_MAX},
                              KdfLimit{5, 0}, KdfLimit{5, 65}, KdfLimit{5, UINT32_MAX}}) {
    Bytes greedy = object_;
    for (size_t i = 0; i < 4; ++i) greedy[kBodyAt + one.offset + i] = static_cast<uint8_t>(one.value >> (8 * i));
    const auto start = SystemClock().Steady();
    EXPECT_CODE(kCorrupt, Open(greedy)) << one.offset << " " << one.value;
    EXPECT_LT(SystemClock().Steady() - start, std::chrono::seconds(1));
  }
  EXPECT_CODE(kCorrupt, Open(Changed(kBodyAt + 9, 0)));  // lanes
  EXPECT_CODE(kCorrupt, Open(Changed(kBodyAt + 9, 2)));
}

TEST(SealKeyObject, RefusesACostThatNoReaderTakes) {
  EXPECT_CODE(kInvalidArgument, Seal("secret", {.memory_kib = 8'191, .passes = 1}));
  EXPECT_CODE(kInvalidArgument, Seal("secret", {.memory_kib = 4'194'305, .passes = 1}));
  EXPECT_CODE(kInvalidArgument, Seal("secret", {.memory_kib = 8'192, .passes = 0}));
  EXPECT_CODE(kInvalidArgument, Seal("secret", {.memory_kib = 8'192, .passes = 65}));
}

TEST(SealKeyObject, RefusesAnEmptyPassword) { EXPECT_CODE(kInvalidArgument, Seal("")); }

TEST(SealKeyObject, TakesALabelThatFitsAndNoLongerOne) {
  KeyObjectSecrets secrets = SomeSecrets();
  const auto seal = [&](size_t label_size) {
    secrets.label = std::string(label_size, 'x');
    return SealKeyObject(kFamily, kKey, AsBytes("secret"), secrets, PasswordCost::ForTests(), SeededRandom(1));
  };
  const size_t longest = limits::kKeyObjectBytesMax - kSealedAt - (16 + 3 * 32 + 8) - (1 + 2) - kAeadTagSize;
  EXPECT_CODE(kInvalidArgument, seal(longest + 1));
  const auto object = seal(longest);
  ASSERT_TRUE(object);
  EXPECT_EQ(object->size(), limits::kKeyObjectBytesMax);
  EXPECT_EQ(OpenKeyObject(*object, kKey, AsBytes("secret"))->label.size(), longest);
}

TEST(SealKeyObject, GivesAnotherObjectEachTime) {
  const SeededRandom random(2);
  const auto seal = [&] {
    return *SealKeyObject(kFamily, kKey, AsBytes("secret"), SomeSecrets(), PasswordCost::ForTests(), random);
  };
  const Bytes first = seal();
  const Bytes second = seal();
  EXPECT_FALSE(Equal(ByteSpan(first).subspan(kSealedAt), ByteSpan(second).subspan(kSealedAt)));
}

TEST(SealKeyObject, KeepsRecordsThatItDoesNotKnow) {
  KeyObjectSecrets secrets = SomeSecrets();
  secrets.unknown.push_back({.tag = 200, .value = ToBytes(AsBytes("later"))});
  const auto object =
      SealKeyObject(kFamily, kKey, AsBytes("secret"), secrets, PasswordCost::ForTests(), SeededRandom(1));
  ASSERT_TRUE(object);
  EXPECT_EQ(OpenKeyObject(*object, kKey, AsBytes("secret"))->unknown, secrets.unknown);
}

}  // namespace
}  // namespace cairn
