#include "repo-format/config_object.h"

#include "repo-format/key_object.h"
#include "repo-format/limits.h"
#include "repo-format/object_header.h"
#include "tests/unit/repo-format/format_fixture.h"

namespace cairn::format_test {
namespace {

const auto kCorrupt = ErrorCodeIs(ErrorCode::kCorrupt);
const auto kUnsupported = ErrorCodeIs(ErrorCode::kUnsupported);

PublicKey Key(uint8_t fill) {
  PublicKey key;
  key.fill(fill);
  return key;
}

ConfigPublicPart Public() {
  ConfigPublicPart part;
  part.repository = IdOf<RepositoryId>(1);
  part.previous = IdOf<Digest>(2);
  part.features = {4, 5, 6};
  part.epochs = {{1, Key(1), Key(2)}, {2, Key(3), Key(4)}};
  part.envelopes = {{IdOf<SlotId>(1), {kKemX25519, Bytes(300, 1)}}, {IdOf<SlotId>(2), {kKemX25519, Bytes(300, 2)}}};
  return part;
}

ConfigSealedPart Sealed() {
  ConfigSealedPart part;
  part.suite = Suite::kChaCha20Poly1305;
  part.chunkers = {{SourceKind::kFiles, 2, 64, 128, 256}, {SourceKind::kPages, 1, 8192, 8192, 8192}};
  Certificate owner;
  owner.slot = IdOf<SlotId>(1);
  owner.ed25519 = Key(1);
  owner.x25519 = Key(2);
  owner.rights = kOwnerRights;
  owner.label = "owner";
  owner.issued = {7, 8};
  Certificate gone = owner;
  gone.slot = IdOf<SlotId>(2);
  gone.ed25519 = Key(3);
  gone.x25519 = Key(4);
  gone.rights = kWriterRights;
  gone.host_pattern = "web*";
  gone.revoked = true;
  gone.counter_max = 9;
  part.certificates = {owner, gone};
  part.pack_bytes = 1 << 20;
  return part;
}

auto WithPublic(const std::function<void(ConfigPublicPart&)>& change) {
  return Wrong<ConfigPublicPart>(Public(), change);
}
auto WithSealed(const std::function<void(ConfigSealedPart&)>& change) {
  return Wrong<ConfigSealedPart>(Sealed(), change);
}

TEST(ConfigPublicPart, ComesBackAndItsListsAscend) {
  EXPECT_THAT(ConfigPublicPart::Parse(Public().Encode()), IsOkAnd(Public()));
  ExpectRecords(Public(), {1, 3, 5}, {7, 9});
  EXPECT_THAT(WithPublic([](auto& p) { std::swap(p.epochs[0], p.epochs[1]); }), kCorrupt);
  EXPECT_THAT(WithPublic([](auto& p) { p.epochs[1].epoch = 1; }), kCorrupt);
  EXPECT_THAT(WithPublic([](auto& p) { p.epochs[0].epoch = 0; }), kCorrupt) << "0 is of key objects";
  EXPECT_THAT(WithPublic([](auto& p) { p.epochs.clear(); }), kCorrupt);
  EXPECT_THAT(WithPublic([](auto& p) { std::swap(p.envelopes[0], p.envelopes[1]); }), kCorrupt);
  EXPECT_THAT(WithPublic([](auto& p) { p.envelopes[1].slot = p.envelopes[0].slot; }), kCorrupt);
}

TEST(ConfigPublicPart, CountsAreLimited) {
  EXPECT_THAT(WithPublic([](auto& p) {
                p.epochs.clear();
                for (uint32_t i = 1; i <= limits::kEpochsMax + 1; ++i) p.epochs.push_back({i, Key(1), Key(2)});
              }),
              kCorrupt);
}

TEST(ConfigSealedPart, ComesBackAndItsListsAscend) {
  EXPECT_THAT(ConfigSealedPart::Parse(Sealed().Encode()), IsOkAnd(Sealed()));
  ExpectRecords(Sealed(), {1}, {3, 5});
  EXPECT_THAT(WithSealed([](auto& p) { std::swap(p.chunkers[0], p.chunkers[1]); }), kCorrupt);
  EXPECT_THAT(WithSealed([](auto& p) { std::swap(p.certificates[0], p.certificates[1]); }), kCorrupt);
  EXPECT_THAT(WithSealed([](auto& p) { p.certificates[1].slot = p.certificates[0].slot; }), kCorrupt);
  EXPECT_THAT(WithSealed([](auto& p) { p.certificates.clear(); }), kCorrupt);
}

TEST(ConfigSealedPart, NoTwoCertificatesShareAKey) {
  EXPECT_THAT(WithSealed([](auto& p) { p.certificates[1].ed25519 = p.certificates[0].ed25519; }), kCorrupt);
  EXPECT_THAT(WithSealed([](auto& p) { p.certificates[1].x25519 = p.certificates[0].x25519; }), kCorrupt);
}

TEST(ConfigSealedPart, RejectsWhatCannotBe) {
  EXPECT_THAT(WithSealed([](auto& p) { p.pack_bytes = 0; }), kCorrupt);
  EXPECT_THAT(WithSealed([](auto& p) { p.pack_bytes = limits::kPackTargetBytesMax + 1; }), kCorrupt);
  EXPECT_THAT(WithSealed([](auto& p) { p.chunkers[0].size_average = 32; }), kCorrupt);
  EXPECT_THAT(WithSealed([](auto& p) { p.suite = static_cast<Suite>(3); }), kUnsupported);
  EXPECT_THAT(WithSealed([](auto& p) { p.chunkers[1].source = static_cast<SourceKind>(5); }), kUnsupported);
}

TEST(ConfigBody, ComesBackAndEveryByteCounts) {
  ConfigBody body;
  body.public_part = Public().Encode();
  body.sealed_part = Sealed().Encode();
  body.signature.fill(7);
  const auto parsed = ConfigBody::Parse(body.Encode());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->public_part, body.public_part);
  EXPECT_EQ(parsed->sealed_part, body.sealed_part);
  EXPECT_EQ(parsed->signature, body.signature);
  const Bytes bytes = body.Encode();
  EXPECT_EQ(ConfigBody::SignedPart(bytes).size() + body.signature.size(), bytes.size());
  for (size_t size = 0; size < 64; ++size) EXPECT_FALSE(ConfigBody::Parse(ByteSpan(bytes).first(size)).has_value());
}

KeyObjectBody KeyBody() {
  KeyObjectBody body;
  body.memory_kib = 65'536;
  body.passes = 3;
  body.salt.fill(1);
  body.commitment.fill(2);
  body.sealed = Bytes(200, 3);
  return body;
}

auto WithKey(const std::function<void(KeyObjectBody&)>& change) { return Wrong<KeyObjectBody>(KeyBody(), change); }

TEST(KeyObjectBody, ComesBack) {
  const auto parsed = KeyObjectBody::Parse(KeyBody().Encode());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->Encode(), KeyBody().Encode());
}

// Who has the store changes them at will, and each try of a password would cost what they say.
TEST(KeyObjectBody, TheCostOfAPasswordIsLimited) {
  EXPECT_THAT(WithKey([](auto& k) { k.memory_kib = limits::kArgonMemoryKiBMax + 1; }), kCorrupt);
  EXPECT_THAT(WithKey([](auto& k) { k.memory_kib = limits::kArgonMemoryKiBMin - 1; }), kCorrupt);
  EXPECT_THAT(WithKey([](auto& k) { k.passes = limits::kArgonPassesMax + 1; }), kCorrupt);
  EXPECT_THAT(WithKey([](auto& k) { k.passes = 0; }), kCorrupt);
  EXPECT_THAT(WithKey([](auto& k) { k.lanes = 2; }), kCorrupt);
  EXPECT_THAT(WithKey([](auto& k) { k.kdf = 2; }), kUnsupported);
  EXPECT_THAT(WithKey([](auto& k) { k.sealed.resize(limits::kKeyObjectBytesMax); }), kCorrupt);
}

TEST(SlotSecrets, ComesBackAndEpochsAscend) {
  SlotSecrets secrets;
  secrets.data_id = Key(1);
  secrets.chunking = Key(2);
  secrets.epochs = {{1, Key(3), Key(4), std::nullopt, Key(5)}, {2, Key(6), Key(7), Key(8), std::nullopt}};
  const auto parsed = SlotSecrets::Parse(secrets.Encode());
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->Encode(), secrets.Encode());
  EXPECT_EQ(parsed->data_id, secrets.data_id);
  EXPECT_FALSE(parsed->root_seed.has_value());
  EXPECT_EQ(parsed->epochs[1].content_secret, secrets.epochs[1].content_secret);
  EXPECT_FALSE(parsed->epochs[1].metadata_secret.has_value());
  EXPECT_THAT(Wrong<SlotSecrets>(secrets, [](auto& s) { std::swap(s.epochs[0], s.epochs[1]); }), kCorrupt);
  EXPECT_THAT(Wrong<SlotSecrets>(secrets, [](auto& s) { s.epochs.clear(); }), kCorrupt);
}

TEST(ObjectHeader, ComesBackAndJudgesInTheOrderOfTheSpecification) {
  ObjectHeader header;
  header.kind = ObjectKind::kSnapshot;
  header.family = IdOf<FamilyId>(1);
  header.epoch = 2;
  header.suite = Suite::kChaCha20Poly1305;
  header.name.fill(3);
  header.salt.fill(4);
  header.body_length = 5;
  const auto bytes = header.Encode();
  const auto parsed = ObjectHeader::Parse(bytes);
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->Encode(), bytes);
  const auto with = [&](size_t at, uint8_t value) {
    auto changed = bytes;
    changed[at] = value;
    return ObjectHeader::Parse(changed);
  };
  EXPECT_THAT(ObjectHeader::Parse(ByteSpan(bytes).first(95)), kCorrupt);
  EXPECT_THAT(with(0, 'x'), kCorrupt) << "magic";
  EXPECT_THAT(with(6, 0), kUnsupported) << "kind";
  EXPECT_THAT(with(6, 200), kUnsupported) << "kind";
  EXPECT_THAT(with(7, 2), kUnsupported) << "version";
  EXPECT_THAT(with(8, 1), kUnsupported) << "feature";
  EXPECT_THAT(with(15, 0x80), kUnsupported) << "feature";
  for (size_t at = 36; at < 40; ++at) EXPECT_THAT(with(at, 3), kUnsupported) << "domain, suite, flags: byte " << at;
  EXPECT_THAT(with(95, 1), kUnsupported) << "reserved";
}

}  // namespace
}  // namespace cairn::format_test
