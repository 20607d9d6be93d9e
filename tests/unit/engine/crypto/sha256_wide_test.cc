#include "engine/crypto/sha256_wide.h"

#include <gtest/gtest.h>

#include "engine/crypto/hash.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

constexpr size_t kBlocks = 7;

// A message and what FIPS 180-4, section 5.1.1, has behind it: whole blocks.
Bytes Padded(ByteSpan message) {
  Bytes padded = ToBytes(message);
  padded.push_back(0x80);
  padded.resize(kBlocks * kSha256BlockBytes);
  const uint64_t bits = message.size() * 8;
  std::fill(padded.begin() + static_cast<ptrdiff_t>(message.size()) + 1, padded.end() - 8, uint8_t{0});
  for (int i = 0; i < 8; ++i) padded[padded.size() - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
  return padded;
}

TEST(Sha256Wide, EachOfOneToSixteenMessagesGetsItsOwnDigest) {
  if (!sha256_wide::IsSupported()) GTEST_SKIP() << "this processor has no AVX-512";
  SeededRandom random;
  for (size_t count = 1; count <= sha256_wide::kLanesMax; ++count) {
    std::vector<Bytes> messages, padded;
    std::vector<std::array<uint32_t, 8>> hashes(
        count, {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19});
    for (size_t i = 0; i < count; ++i) {
      messages.push_back(random.SomeBytes(kBlocks * kSha256BlockBytes - 9 - i));
      padded.push_back(Padded(messages.back()));
    }
    std::vector<Sha256Lane> lanes;
    for (size_t i = 0; i < count; ++i) lanes.push_back({hashes[i].data(), padded[i].data()});
    sha256_wide::Compress(lanes, 3);
    for (size_t i = 0; i < count; ++i) lanes[i].blocks += 3 * kSha256BlockBytes;
    sha256_wide::Compress(lanes, 0);
    sha256_wide::Compress(lanes, kBlocks - 3);
    for (size_t i = 0; i < count; ++i) {
      Bytes digest;
      for (const uint32_t word : hashes[i]) {
        for (int shift = 24; shift >= 0; shift -= 8) digest.push_back(static_cast<uint8_t>(word >> shift));
      }
      EXPECT_EQ(ToHex(digest), Sha256(messages[i]).ToHex()) << i << " of " << count;
    }
  }
}

}  // namespace
}  // namespace cairn
