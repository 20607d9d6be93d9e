#include "engine/crypto/sign.h"

#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn {
namespace {

using crypto_test::ArrayOf;
using crypto_test::Hex;
using crypto_test::SecretOf;

struct SignCase {
  std::string_view seed, key, message, signature;
};

// RFC 8032, section 7.1, tests 1 to 3.
const SignCase kCases[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24"
     "655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aee"
     "b00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28d"
     "c027beceea1ec40a"},
};

TEST(Ed25519, GivesTheSignaturesOfRfc8032) {
  for (const SignCase& one : kCases) {
    const Secret32 seed = SecretOf(one.seed);
    EXPECT_EQ(ToHex(Ed25519PublicKey(seed)), one.key);
    const Signature signature = Ed25519Sign(seed, Hex(one.message));
    EXPECT_EQ(ToHex(signature), one.signature);
    EXPECT_TRUE(Ed25519Verify(ArrayOf<32>(Hex(one.key)), Hex(one.message), signature));
  }
}

TEST(Ed25519, RefusesEveryFlippedBitOfASignature) {
  const Secret32 seed = SecretOf(kCases[0].seed);
  const PublicKey key = Ed25519PublicKey(seed);
  const Signature signature = Ed25519Sign(seed, AsBytes("message"));
  for (size_t bit = 0; bit < signature.size() * 8; ++bit) {
    Signature wrong = signature;
    wrong[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    EXPECT_FALSE(Ed25519Verify(key, AsBytes("message"), wrong)) << "bit " << bit;
  }
}

TEST(Ed25519, RefusesAnotherMessageOrKey) {
  const Secret32 seed = SecretOf(kCases[0].seed);
  const Signature signature = Ed25519Sign(seed, AsBytes("message"));
  EXPECT_FALSE(Ed25519Verify(Ed25519PublicKey(seed), AsBytes("massage"), signature));
  EXPECT_FALSE(Ed25519Verify(ArrayOf<32>(Hex(kCases[1].key)), AsBytes("message"), signature));
  EXPECT_FALSE(Ed25519Verify(PublicKey{}, AsBytes("message"), signature));
}

// RFC 7748, section 6.1.
TEST(X25519, GivesThePublicKeysOfRfc7748) {
  EXPECT_EQ(ToHex(X25519PublicKey(SecretOf("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))),
            "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
  EXPECT_EQ(ToHex(X25519PublicKey(SecretOf("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))),
            "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
}

TEST(X25519, KnowsPointsOfSmallOrder) {
  // The points of order 1, 2, 4 and 8 (RFC 7748, section 7; the zero and one among them).
  for (const std::string_view point : {"0000000000000000000000000000000000000000000000000000000000000000",
                                       "0100000000000000000000000000000000000000000000000000000000000000",
                                       "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                                       "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                                       "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    EXPECT_FALSE(X25519IsUsable(ArrayOf<32>(Hex(point)))) << point;
  }
  EXPECT_TRUE(X25519IsUsable(X25519PublicKey(SecretOf(kCases[0].seed))));
}

}  // namespace
}  // namespace cairn
