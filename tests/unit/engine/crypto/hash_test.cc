#include "engine/crypto/hash.h"

#include <random>
#include <thread>

#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn {
namespace {

using crypto_test::Hex;
using crypto_test::RandomBytes;

// FIPS 180-4 examples.
TEST(Sha256, GivesThePublishedDigests) {
  EXPECT_EQ(Sha256(ByteSpan()).ToHex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256(AsBytes("abc")).ToHex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256(Bytes(1'000'000, 'a')).ToHex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, OfPartsIsThatOfThePartsJoined) {
  EXPECT_EQ(Sha256({AsBytes("a"), AsBytes(""), AsBytes("bc")}), Sha256(AsBytes("abc")));
}

TEST(Sha256, OfAStreamIsThatOfItsBytes) {
  const Bytes bytes = RandomBytes(100'000, 1);
  for (const size_t step : {1u, 63u, 64u, 65u, 4'096u}) {
    Sha256Stream stream;
    for (size_t i = 0; i < bytes.size(); i += step) {
      stream.Update(ByteSpan(bytes).subspan(i, std::min(step, bytes.size() - i)));
    }
    EXPECT_EQ(stream.Finish(), Sha256(bytes)) << "in steps of " << step;
  }
}

// Lengths on both sides of a block, so that lanes end, and begin anew, at every place.
TEST(Sha256, OfEachIsThatOfEachAlone) {
  const Bytes bytes = RandomBytes(70'000, 3);
  const HmacKey key(AsBytes("key"));
  std::mt19937 random(4);
  for (size_t count = 0; count < 40; ++count) {
    std::vector<ByteSpan> messages;
    while (messages.size() < count) {
      const size_t length = random() % 3 == 0 ? random() % 60'000 : random() % 200;
      messages.push_back(ByteSpan(bytes).subspan(random() % 10'000, length));
    }
    std::vector<Digest> digests(count), keyed(count);
    Sha256Each(messages, digests);
    key.ComputeEach(messages, keyed);
    for (size_t i = 0; i < count; ++i) {
      EXPECT_EQ(digests[i], Sha256(messages[i])) << i << " of " << count << ": " << messages[i].size() << " bytes";
      EXPECT_EQ(keyed[i], key.Compute(messages[i])) << i << " of " << count << ": " << messages[i].size() << " bytes";
    }
  }
}

TEST(Sha256, OfEachGivesThePublishedDigests) {
  const Bytes million(1'000'000, 'a');
  const std::vector<ByteSpan> messages = {million, ByteSpan(), AsBytes("abc"), million};
  std::vector<Digest> digests(messages.size());
  Sha256Each(messages, digests);
  EXPECT_EQ(digests[0].ToHex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(digests[1].ToHex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digests[2].ToHex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digests[3], digests[0]);
}

struct HmacCase {
  Bytes key;
  Bytes message;
  std::string_view digest;
};

// RFC 4231, section 4, test cases 1 to 4, 6 and 7.
TEST(Hmac, GivesTheDigestsOfRfc4231) {
  const HmacCase cases[] = {
      {Bytes(20, 0x0b), ToBytes(AsBytes("Hi There")),
       "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
      {ToBytes(AsBytes("Jefe")), ToBytes(AsBytes("what do ya want for nothing?")),
       "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
      {Bytes(20, 0xaa), Bytes(50, 0xdd), "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
      {Hex("0102030405060708090a0b0c0d0e0f10111213141516171819"), Bytes(50, 0xcd),
       "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
      {Bytes(131, 0xaa), ToBytes(AsBytes("Test Using Larger Than Block-Size Key - Hash Key First")),
       "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
      {Bytes(131, 0xaa),
       ToBytes(AsBytes("This is a test using a larger than block-size key and a larger than block-size data. The key "
                       "needs to be hashed before being used by the HMAC algorithm.")),
       "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
  };
  for (const HmacCase& one : cases) {
    EXPECT_EQ(HmacSha256(one.key, {one.message}).ToHex(), one.digest);
    EXPECT_EQ(HmacKey(one.key).Compute(one.message).ToHex(), one.digest);
  }
}

TEST(Hmac, KeyServesManyMessagesAndSurvivesAMove) {
  HmacKey key(AsBytes("key"));
  const Digest first = key.Compute(AsBytes("message"));
  EXPECT_EQ(key.Compute({AsBytes("mess"), AsBytes("age")}), first);
  HmacKey moved = std::move(key);
  EXPECT_EQ(moved.Compute(AsBytes("message")), first);
}

TEST(Hmac, KeyIsSharedByThreads) {
  const HmacKey key(AsBytes("key"));
  const Bytes message = RandomBytes(10'000, 2);
  const Digest expected = key.Compute(message);
  std::array<bool, 4> same{};
  {
    std::vector<std::jthread> threads;
    for (bool& one : same) {
      threads.emplace_back([&] {
        one = true;
        for (int i = 0; i < 100; ++i) one = one && key.Compute(message) == expected;
      });
    }
  }
  EXPECT_EQ(same, (std::array<bool, 4>{true, true, true, true}));
}

struct HkdfCase {
  Bytes key_material, salt, info;
  std::string_view first_32_bytes;
};

// RFC 5869, appendix A.1 to A.3: the first block of their output is all that this project takes.
TEST(Hkdf, GivesTheOutputOfRfc5869) {
  const auto sequence = [](int from, int to) {
    Bytes bytes;
    for (int i = from; i < to; ++i) bytes.push_back(static_cast<uint8_t>(i));
    return bytes;
  };
  const HkdfCase cases[] = {
      {Bytes(22, 0x0b), Hex("000102030405060708090a0b0c"), Hex("f0f1f2f3f4f5f6f7f8f9"),
       "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"},
      {sequence(0x00, 0x50), sequence(0x60, 0xb0), sequence(0xb0, 0x100),
       "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"},
      {Bytes(22, 0x0b), {}, {}, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"},
  };
  for (const HkdfCase& one : cases) {
    EXPECT_EQ(ToHex(Hkdf(one.key_material, one.salt, {one.info}).bytes()), one.first_32_bytes);
  }
}

TEST(Hkdf, JoinsThePartsOfItsInfo) {
  const Secret32 whole = Hkdf(AsBytes("key"), AsBytes("salt"), {AsBytes("cairn frame 1")});
  EXPECT_TRUE(whole.EqualTo(Hkdf(AsBytes("key"), AsBytes("salt"), {AsBytes("cairn "), AsBytes("frame 1")})));
  EXPECT_FALSE(whole.EqualTo(Hkdf(AsBytes("key"), {}, {AsBytes("cairn frame 1")})));
}

}  // namespace
}  // namespace cairn
