#include "engine/crypto/hpke.h"

#include "tests/unit/engine/crypto/crypto_fixture.h"

namespace cairn {
namespace {

using crypto_test::ArrayOf;
using crypto_test::Hex;
using crypto_test::RandomBytes;
using crypto_test::SecretFilledWith;
using crypto_test::SecretOf;
using crypto_test::SeededRandom;

constexpr std::string_view kInfo = "Ode on a Grecian Urn";
constexpr std::string_view kPlain = "Beauty is truth, truth beauty";
constexpr std::string_view kAssociated = "Count-0";

struct HpkeCase {
  uint16_t aead;
  std::string_view ephemeral, recipient_secret, recipient_public, enc, sealed;
};

const HpkeCase kAes128 = {  // RFC 9180, appendix A.1.1, sequence number 0
    1,
    "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
    "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
    "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
    "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
    "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"};
const HpkeCase kChaCha20 = {  // RFC 9180, appendix A.2.1, sequence number 0
    3,
    "f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600",
    "8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb",
    "4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a",
    "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a",
    "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"};
// The RFC has none for this AEAD; BoringSSL's tests do, without the recipient's secret.
const HpkeCase kAes256 = {
    2,  "28e212563a8b6f068af7ff17400ff1baf23612b7a738bbaf5dfb321b2b5b431a",
    "", "ac66bae9ffa270cf4a89ed9f274e30c0456babae2572aaaf002ff0d8884ab018",
    "", "23ded2d5d90ea89d975dac4792b297240f194952d7421aacbff0474100052b6bb8aa58d18ef6c42b6960e2e28f"};

TEST(Hpke, SealsThePublishedVectors) {
  for (const HpkeCase& one : {kAes128, kAes256, kChaCha20}) {
    const Bytes sealed =
        hpke_internal::SealWith(one.aead, SecretOf(one.ephemeral), ArrayOf<32>(Hex(one.recipient_public)),
                                AsBytes(kInfo), AsBytes(kAssociated), AsBytes(kPlain));
    EXPECT_EQ(ToHex(ByteSpan(sealed).subspan(32)), one.sealed) << one.aead;
    if (!one.enc.empty()) {
      EXPECT_EQ(ToHex(ByteSpan(sealed).first(32)), one.enc) << one.aead;
    }
  }
}

TEST(Hpke, OpensThePublishedVector) {
  const Bytes sealed = Hex(std::string(kChaCha20.enc) + std::string(kChaCha20.sealed));
  const auto opened = hpke_internal::OpenWith(kChaCha20.aead, SecretOf(kChaCha20.recipient_secret), AsBytes(kInfo),
                                              AsBytes(kAssociated), sealed);
  ASSERT_TRUE(opened);
  EXPECT_EQ(AsText(*opened), kPlain);
}

class Envelopes : public testing::Test {
 protected:
  const Secret32 secret_ = SecretFilledWith(9);
  const Envelope envelope_ = HpkeSeal(X25519PublicKey(secret_), AsBytes("info"), AsBytes("plain"), SeededRandom(1));
};

TEST_F(Envelopes, OpenForTheirRecipient) {
  EXPECT_EQ(envelope_.kem, kKemX25519);
  EXPECT_EQ(envelope_.sealed.size(), 32 + 5 + 16u);
  EXPECT_EQ(AsText(*HpkeOpen(secret_, AsBytes("info"), envelope_)), "plain");
}

TEST_F(Envelopes, HoldNothingOrMuch) {
  for (const size_t size : {0u, 1u, 60'000u}) {
    const Bytes plain = RandomBytes(size, 4);
    const Envelope envelope = HpkeSeal(X25519PublicKey(secret_), {}, plain, SystemRandom());
    EXPECT_EQ(*HpkeOpen(secret_, {}, envelope), plain);
  }
}

TEST_F(Envelopes, DifferEachTime) {
  const SeededRandom random(2);
  const PublicKey key = X25519PublicKey(secret_);
  EXPECT_NE(HpkeSeal(key, {}, AsBytes("plain"), random), HpkeSeal(key, {}, AsBytes("plain"), random));
}

TEST_F(Envelopes, RefuseAnotherRecipientOrInfo) {
  EXPECT_CODE(kCorrupt, HpkeOpen(SecretFilledWith(10), AsBytes("info"), envelope_));
  EXPECT_CODE(kCorrupt, HpkeOpen(secret_, AsBytes("Info"), envelope_));
  EXPECT_CODE(kCorrupt, HpkeOpen(secret_, {}, envelope_));
}

TEST_F(Envelopes, RefuseEveryFlippedBit) {
  for (size_t bit = 0; bit < envelope_.sealed.size() * 8; ++bit) {
    Envelope wrong = envelope_;
    wrong.sealed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    // X25519 ignores the top bit of a public key, but HPKE derives from its bytes.
    EXPECT_CODE(kCorrupt, HpkeOpen(secret_, AsBytes("info"), wrong)) << "bit " << bit;
  }
}

TEST_F(Envelopes, RefuseEveryTruncation) {
  for (size_t size = 0; size < envelope_.sealed.size(); ++size) {
    Envelope wrong = envelope_;
    wrong.sealed.resize(size);
    EXPECT_CODE(kCorrupt, HpkeOpen(secret_, AsBytes("info"), wrong)) << size;
  }
}

TEST_F(Envelopes, WithAKeyOfSmallOrderAreCorrupt) {
  Envelope wrong = envelope_;
  std::fill_n(wrong.sealed.begin(), 32, uint8_t{0});
  EXPECT_CODE(kCorrupt, HpkeOpen(secret_, AsBytes("info"), wrong));
}

TEST_F(Envelopes, OfAnotherKemAreUnsupported) {
  Envelope later = envelope_;
  later.kem = 0x647a;
  const auto opened = HpkeOpen(secret_, AsBytes("info"), later);
  EXPECT_CODE(kUnsupported, opened);
  EXPECT_NE(opened.error().message().find("0x647a"), std::string::npos);
}

}  // namespace
}  // namespace cairn
