#include "engine/crypto/aead.h"

#include <thread>

#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn {
namespace {

using crypto_test::ArrayOf;
using crypto_test::Hex;
using crypto_test::RandomBytes;
using crypto_test::SecretFilledWith;
using crypto_test::SecretOf;

struct AeadCase {
  Suite suite;
  std::string_view key, nonce, associated, plain, sealed;
};

constexpr std::string_view kZeroKey = "0000000000000000000000000000000000000000000000000000000000000000";
constexpr std::string_view kZeroNonce = "000000000000000000000000";
constexpr std::string_view kGcmKey = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
constexpr std::string_view kGcmPlain =
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
    "ba637b39";

const AeadCase kCases[] = {
    // McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, test cases 13, 14 and 16.
    {Suite::kAes256Gcm, kZeroKey, kZeroNonce, "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {Suite::kAes256Gcm, kZeroKey, kZeroNonce, "", "00000000000000000000000000000000",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {Suite::kAes256Gcm, kGcmKey, "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2", kGcmPlain,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
     "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
    // RFC 8439, section 2.8.2.
    {Suite::kChaCha20Poly1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666"
     "657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069"
     "742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b29"
     "05d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b"
     "61161ae10b594f09e26a7e902ecbd0600691"},
};

constexpr std::array<Suite, 2> kSuites = {Suite::kAes256Gcm, Suite::kChaCha20Poly1305};

Bytes Seal(Suite suite, const Secret32& key, const AeadNonce& nonce, ByteSpan associated, ByteSpan plain) {
  Bytes sealed(plain.size() + kAeadTagSize);
  AeadSeal(suite, key, nonce, associated, plain, sealed);
  return sealed;
}

Result<Bytes> Open(Suite suite, const Secret32& key, const AeadNonce& nonce, ByteSpan associated, ByteSpan sealed) {
  Bytes plain(sealed.size() < kAeadTagSize ? 0 : sealed.size() - kAeadTagSize);
  RETURN_IF_ERROR(AeadOpen(suite, key, nonce, associated, sealed, plain, "thing"));
  return plain;
}

TEST(Aead, GivesThePublishedVectors) {
  for (const AeadCase& one : kCases) {
    const Secret32 key = SecretOf(one.key);
    const AeadNonce nonce = ArrayOf<12>(Hex(one.nonce));
    EXPECT_EQ(ToHex(Seal(one.suite, key, nonce, Hex(one.associated), Hex(one.plain))), one.sealed);
    EXPECT_EQ(*Open(one.suite, key, nonce, Hex(one.associated), Hex(one.sealed)), Hex(one.plain));
  }
}

TEST(Aead, RefusesEveryFlippedBit) {
  for (const Suite suite : kSuites) {
    const Bytes sealed = Seal(suite, SecretFilledWith(1), {}, AsBytes("header"), AsBytes("hello"));
    for (size_t bit = 0; bit < sealed.size() * 8; ++bit) {
      Bytes wrong = sealed;
      wrong[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      EXPECT_CODE(kCorrupt, Open(suite, SecretFilledWith(1), {}, AsBytes("header"), wrong)) << Name(suite) << bit;
    }
  }
}

TEST(Aead, RefusesAnotherKeyNonceAssociatedDataOrSuite) {
  for (const Suite suite : kSuites) {
    const Bytes sealed = Seal(suite, SecretFilledWith(1), {}, AsBytes("header"), AsBytes("hello"));
    EXPECT_TRUE(Open(suite, SecretFilledWith(1), {}, AsBytes("header"), sealed));
    EXPECT_CODE(kCorrupt, Open(suite, SecretFilledWith(2), {}, AsBytes("header"), sealed));
    EXPECT_CODE(kCorrupt, Open(suite, SecretFilledWith(1), {1}, AsBytes("header"), sealed));
    EXPECT_CODE(kCorrupt, Open(suite, SecretFilledWith(1), {}, AsBytes("headers"), sealed));
    EXPECT_CODE(kCorrupt, Open(suite, SecretFilledWith(1), {}, {}, sealed));
    const Suite other = suite == kSuites[0] ? kSuites[1] : kSuites[0];
    EXPECT_CODE(kCorrupt, Open(other, SecretFilledWith(1), {}, AsBytes("header"), sealed));
  }
}

TEST(Aead, RefusesWhatIsShorterThanATag) {
  for (size_t size = 0; size < kAeadTagSize; ++size) {
    EXPECT_CODE(kCorrupt, Open(Suite::kAes256Gcm, SecretFilledWith(1), {}, {}, Bytes(size, 0)));
  }
}

TEST(Aead, GivesNobodyBytesThatWereNotAuthenticated) {
  for (const Suite suite : kSuites) {
    Bytes sealed = Seal(suite, SecretFilledWith(1), {}, {}, RandomBytes(1'000, 3));
    sealed.back() ^= 1;
    Bytes plain(1'000, 0xff);
    EXPECT_CODE(kCorrupt, AeadOpen(suite, SecretFilledWith(1), {}, {}, sealed, plain, "thing"));
    EXPECT_EQ(plain, Bytes(1'000, 0));
  }
}

TEST(Aead, NamesTheThingInItsError) {
  const auto opened = Open(Suite::kAes256Gcm, SecretFilledWith(1), {}, {}, Bytes(40, 0));
  EXPECT_TRUE(opened.error().message().starts_with("thing: ")) << opened.error().message();
}

TEST(Aead, SealsAndOpensInManyThreads) {
  std::array<bool, 4> right{};
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < right.size(); ++t) {
      threads.emplace_back([&right, t] {
        const Secret32 key = SecretFilledWith(static_cast<uint8_t>(t));
        const Bytes plain = RandomBytes(10'000, t);
        right[t] = true;
        for (int i = 0; i < 100; ++i) {
          const Suite suite = kSuites[static_cast<size_t>(i) % 2];
          const auto opened = Open(suite, key, {}, AsBytes("a"), Seal(suite, key, {}, AsBytes("a"), plain));
          right[t] = right[t] && opened && *opened == plain;
        }
      });
    }
  }
  EXPECT_EQ(right, (std::array<bool, 4>{true, true, true, true}));
}

TEST(FasterSuite, IsOneOfTheTwo) {
  const Suite suite = FasterSuite();
  EXPECT_TRUE(suite == kSuites[0] || suite == kSuites[1]);
}

}  // namespace
}  // namespace cairn
