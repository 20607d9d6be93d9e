#include "repo-format/key_object.h"

#include "repo-format/config_object.h"
#include "repo-format/limits.h"
#include "tests/unit/repo-format/encoding_fixture.h"

namespace cairn::encoding_test {
namespace {

using testing::HasSubstr;

const auto kCorrupt = ErrorCode::kCorrupt;

// The table of SPEC 7.2.
struct KeyBytes {
  uint8_t kdf = 1;
  uint32_t memory = 65'536, passes = 3;
  uint8_t lanes = 1;
  size_t sealed = 136;

  Bytes Encode() const {
    return Join({{kdf}, U(memory, 4), U(passes, 4), {lanes}, Fill(16, 0x5a), Fill(32, 0xc0), Fill(sealed, 0x5e)});
  }
};
auto Parse(const KeyBytes& key) { return KeyObjectBody::Parse(key.Encode()); }
auto OutsideTheLimits(const std::string& what) {
  return ErrorIs(kCorrupt, testing::AllOf(HasSubstr("key object: "), HasSubstr(what), HasSubstr("outside the limits")));
}

TEST(KeyObject, IsTheTableOfSpec) {
  const Bytes bytes = KeyBytes().Encode();
  const auto body = KeyObjectBody::Parse(bytes);
  ASSERT_THAT(body, IsOk());
  EXPECT_EQ(body->memory_kib, 65'536u);
  EXPECT_EQ(body->passes, 3u);
  EXPECT_EQ(body->salt[0], 0x5a);
  EXPECT_EQ(body->commitment[31], 0xc0);
  EXPECT_EQ(body->sealed, Fill(136, 0x5e));
  EXPECT_EQ(body->Encode(), bytes);
  EXPECT_EQ(Join({{1}, U(65'536, 4), U(3, 4), {1}, Fill(16, 0x5a)}).size(), KeyObjectBody::kParametersSize);
  EXPECT_EQ(KeyBytes{.sealed = 0}.Encode().size(), KeyObjectBody::kClearSize);
}

TEST(KeyObject, RejectsEveryBeginningOfItsClearPart) {
  const Bytes bytes = KeyBytes().Encode();
  for (size_t size = 0; size < KeyObjectBody::kClearSize; ++size) {
    EXPECT_THAT(KeyObjectBody::Parse(ByteSpan(bytes).first(size)), ErrorIs(kCorrupt, HasSubstr("key object: ")))
        << size;
  }
}

TEST(KeyObject, OfAnotherKdfIsUnsupportedWhateverItsCostIs) {
  for (const uint8_t kdf : {0, 2, 255}) {
    EXPECT_THAT(Parse({.kdf = kdf}), ErrorIs(ErrorCode::kUnsupported, HasSubstr(fmt::format("derivation {}", kdf))));
    EXPECT_THAT(Parse({.kdf = kdf, .memory = 0}), ErrorCodeIs(ErrorCode::kUnsupported));
  }
}

TEST(KeyObject, CostIsWithinTheLimits) {
  EXPECT_THAT(Parse({.memory = 8'192}), IsOk());
  EXPECT_THAT(Parse({.memory = 8'191}), OutsideTheLimits("8191 KiB"));
  EXPECT_THAT(Parse({.memory = 0}), OutsideTheLimits("0 KiB"));
  EXPECT_THAT(Parse({.memory = 4'194'304}), IsOk());
  EXPECT_THAT(Parse({.memory = 4'194'305}), OutsideTheLimits("4194305 KiB"));
  EXPECT_THAT(Parse({.memory = UINT32_MAX}), OutsideTheLimits("4294967295 KiB"));
  EXPECT_THAT(Parse({.passes = 1}), IsOk());
  EXPECT_THAT(Parse({.passes = 0}), OutsideTheLimits("0 passes"));
  EXPECT_THAT(Parse({.passes = 64}), IsOk());
  EXPECT_THAT(Parse({.passes = 65}), OutsideTheLimits("65 passes"));
  EXPECT_THAT(Parse({.lanes = 0}), OutsideTheLimits("0 lanes"));
  EXPECT_THAT(Parse({.lanes = 2}), OutsideTheLimits("2 lanes"));
}

TEST(KeyObject, HasAtMost4KiB) {
  EXPECT_THAT(Parse({.sealed = 4'096 - 58}), IsOk());
  EXPECT_THAT(Parse({.sealed = 4'096 - 57}), ErrorIs(kCorrupt, HasSubstr("4097 bytes, at most 4096")));
}

// --- its secrets ---

Bytes SecretsBytes(const Records& records = {{{2, Text("laptop")}}}) {
  return Join({Fill(16, 1), Fill(32, 2), Fill(32, 3), Fill(32, 4), U(9, 8), records.Encode()});
}

TEST(KeyObject, SecretsAreReadInTheOrderOfSpec) {
  const auto secrets = KeyObjectSecrets::Parse(SecretsBytes());
  ASSERT_THAT(secrets, IsOk());
  EXPECT_EQ(secrets->slot, IdOf<SlotId>(1));
  EXPECT_EQ(secrets->x25519_secret[0], 2);
  EXPECT_EQ(secrets->ed25519_seed[0], 3);
  EXPECT_EQ(secrets->root_public[0], 4);
  EXPECT_EQ(secrets->config_min, 9u);
  EXPECT_EQ(secrets->label, "laptop");
  EXPECT_EQ(secrets->Encode(), SecretsBytes());
  EXPECT_THAT(KeyObjectSecrets::Parse(SecretsBytes({})), IsOk());
}

TEST(KeyObject, SecretsRejectEveryBeginning) {
  const Bytes bytes = SecretsBytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    if (size == SecretsBytes({}).size()) continue;  // without its label it is whole
    EXPECT_THAT(KeyObjectSecrets::Parse(ByteSpan(bytes).first(size)),
                ErrorIs(kCorrupt, HasSubstr("secrets of a key object: ")))
        << size;
  }
}

TEST(KeyObject, SecretsKeepToTheRulesOfRecords) {
  const auto parse = [](const Records& records) { return KeyObjectSecrets::Parse(SecretsBytes(records)); };
  const Records label = {{{2, Text("laptop")}}};
  EXPECT_THAT(parse(label.Plus(2, Text("again"))), ErrorIs(kCorrupt, HasSubstr("tag 2 stands twice")));
  EXPECT_THAT(parse({{{4, {}}, {2, {}}}}), ErrorIs(kCorrupt, HasSubstr("tag 2 stands behind tag 4")));
  EXPECT_THAT(parse(label.Plus(3, {})), ErrorIs(ErrorCode::kUnsupported, HasSubstr("critical tag 3")));
  const auto later = parse(label.Plus(4, Text("later")));
  ASSERT_THAT(later, IsOk());
  EXPECT_EQ(later->Encode(), SecretsBytes(label.Plus(4, Text("later"))));
}

// --- the body of a config, SPEC 7.1 ---

Bytes ConfigBytes(size_t sealed = 4) {
  return Join({U(3, 4), Text("pub"), U(sealed, 4), Fill(sealed, 's'), Fill(64, 0x51)});
}

TEST(ConfigBodyBytes, AreTwoPartsAndASignature) {
  const Bytes bytes = ConfigBytes();
  const auto body = ConfigBody::Parse(bytes);
  ASSERT_THAT(body, IsOk());
  EXPECT_EQ(body->public_part, Text("pub"));
  EXPECT_EQ(body->sealed_part, Text("ssss"));
  EXPECT_EQ(body->signature[63], 0x51);
  EXPECT_EQ(body->Encode(), bytes);
  EXPECT_EQ(ToBytes(ConfigBody::SignedPart(bytes)), ToBytes(ByteSpan(bytes).first(bytes.size() - 64)));
}

TEST(ConfigBodyBytes, RejectEveryBeginningAndAByteMore) {
  const Bytes bytes = ConfigBytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(ConfigBody::Parse(ByteSpan(bytes).first(size)), ErrorIs(kCorrupt, HasSubstr("config body: "))) << size;
  }
  EXPECT_THAT(ConfigBody::Parse(Join({bytes, {0}})), ErrorIs(kCorrupt, HasSubstr("1 bytes are left over")));
}

TEST(ConfigBodyBytes, RejectLengthsThatAreMoreThanThereIs) {
  Bytes bytes = ConfigBytes();
  bytes[3] = 0xff;
  EXPECT_THAT(ConfigBody::Parse(bytes), ErrorIs(kCorrupt, HasSubstr("4278190083 are needed")));
  bytes = ConfigBytes();
  bytes[4 + 3 + 3] = 0xff;
  EXPECT_THAT(ConfigBody::Parse(bytes), ErrorIs(kCorrupt, HasSubstr("4278190084 are needed")));
}

TEST(ConfigBodyBytes, AreAtMost16MiB) {
  const size_t rest = ConfigBytes(0).size();
  EXPECT_THAT(ConfigBody::Parse(ConfigBytes((16u << 20) - rest)), IsOk());
  EXPECT_THAT(ConfigBody::Parse(ConfigBytes((16u << 20) - rest + 1)),
              ErrorIs(kCorrupt, HasSubstr("16777217 bytes, at most 16777216")));
}

}  // namespace
}  // namespace cairn::encoding_test
