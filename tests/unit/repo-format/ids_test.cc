#include "repo-format/ids.h"

#include "repo-format/wire_writer.h"
#include "tests/support/seeded_random.h"
#include "tests/unit/repo-format/encoding_fixture.h"

namespace cairn::encoding_test {
namespace {

using testing::HasSubstr;

const std::string kSession = "000102030405060708090a0b0c0d0eff";
const std::string kDigest = "ab0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const std::string kPack = kDigest + "-0011223344556677";

TEST(Ids, ParseAndToHexAreInverses) {
  EXPECT_EQ(SessionId::Parse(kSession)->ToHex(), kSession);
  EXPECT_EQ(BlobId::Parse(kDigest)->ToHex(), kDigest);
  EXPECT_EQ(SessionId::Parse(kSession)->Short(), "00010203");
  EXPECT_EQ(SessionId::Parse(kSession)->bytes()[15], 0xff);
  const SeededRandom random;
  for (int i = 0; i < 50; ++i) {
    const auto id = random.NewId<BlobId>();
    EXPECT_THAT(BlobId::Parse(id.ToHex()), IsOkAnd(id));
  }
}

TEST(Ids, RejectEveryOtherText) {
  for (const std::string& text :
       {std::string(), kSession.substr(1), kSession + "0", kSession + "00",
        "000102030405060708090a0b0c0d0eFF" + std::string(), "g" + kSession.substr(1), " " + kSession.substr(1),
        "0x" + kSession.substr(2), kSession.substr(1) + "\n", kDigest, kSession.substr(1) + std::string(1, '\0')}) {
    EXPECT_THAT(SessionId::Parse(text),
                ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("is not a session id: expected 32 lower-case")))
        << text;
  }
  EXPECT_THAT(Digest::Parse(kSession), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("SHA-256")));
}

TEST(Ids, AreOrderedAsUnsignedBytes) {
  Bytes low = Fill(16, 0), high = Fill(16, 0);
  low[0] = 0x7f, low[15] = 0xff, high[0] = 0x80;
  EXPECT_LT(SessionId::FromBytes(low), SessionId::FromBytes(high));
  EXPECT_TRUE(SessionId().IsZero());
  EXPECT_FALSE(SessionId::FromBytes(high).IsZero());
}

TEST(Ids, OfAPackAreItsDigestAndItsPut) {
  const auto name = PackName::Parse(kPack);
  ASSERT_THAT(name, IsOk());
  EXPECT_EQ(name->digest.ToHex(), kDigest);
  EXPECT_EQ(ToHex(name->put), "0011223344556677");
  EXPECT_EQ(name->ToString(), kPack);
  EXPECT_EQ(name->Short(), "ab010203");
  WireWriter writer;
  writer.Put(*name);
  EXPECT_EQ(ToHex(writer.bytes()), kDigest + "0011223344556677");
}

TEST(Ids, OfAPackRejectEveryOtherText) {
  const std::string put = "0011223344556677";
  for (const std::string& text :
       {std::string(), kDigest, kDigest + "-", kDigest + put, kDigest + "-" + put.substr(1), kPack + "0",
        kDigest + "_" + put, kDigest + "-001122334455667G", kDigest + "-001122334455667A", "A" + kPack.substr(1),
        kPack.substr(1) + "0", kPack + "-" + put}) {
    EXPECT_THAT(PackName::Parse(text), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("is not a pack name"))) << text;
  }
}

TEST(Ids, OfPacksAreOrderedByDigestThenPut) {
  const PackName a = {IdOf<Digest>(1), {9}}, b = {IdOf<Digest>(2), {1}}, c = {IdOf<Digest>(2), {2}};
  EXPECT_LT(a, b);
  EXPECT_LT(b, c);
}

TEST(Hex, IsLowerCaseAndOfWholeBytes) {
  EXPECT_EQ(ToHex(Bytes{0x00, 0x0f, 0xf0, 0xff}), "000ff0ff");
  EXPECT_EQ(FromHex("000ff0ff"), (Bytes{0x00, 0x0f, 0xf0, 0xff}));
  EXPECT_EQ(FromHex(""), Bytes());
  for (const std::string_view text : {"0", "000", "0F", "0g", " 0", "0x", "-1"}) EXPECT_FALSE(FromHex(text)) << text;
}

}  // namespace
}  // namespace cairn::encoding_test
