#include "engine/codec/checksum.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/codec/frame_fixture.h"

namespace cairn {
namespace {

using crypto_test::RandomBytes;

// As XXH3's own test program has it: sanity_test_vectors.h of xxHash 0.8, 128 bits of nothing with seed 0.
TEST(ChecksumOf, IsXxh3) {
  EXPECT_EQ(ChecksumOf({}), (Checksum{.low = 0x6001c324468d497f, .high = 0x99aa06d3014798d8}));
}

TEST(ChecksumStream, IsTheSameInWhateverParts) {
  const Bytes bytes = RandomBytes(100'000, 3);
  for (const size_t part : {size_t{1}, size_t{7}, size_t{240}, size_t{4'096}, bytes.size()}) {
    ChecksumStream stream;
    for (size_t at = 0; at < bytes.size(); at += part) {
      stream.Update(ByteSpan(bytes).subspan(at, std::min(part, bytes.size() - at)));
      stream.Update({});
    }
    EXPECT_EQ(stream.Finish(), ChecksumOf(bytes)) << part;
  }
}

TEST(ChecksumStream, TellsOrderAndEachBit) {
  Bytes bytes = RandomBytes(1'000, 4);
  ChecksumStream stream;
  stream.Update(bytes);
  bytes[500] ^= 1;
  EXPECT_NE(stream.Finish(), ChecksumOf(bytes));
}

}  // namespace
}  // namespace cairn
