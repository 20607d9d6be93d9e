#include "engine/codec/compressor.h"

#include <zstd.h>

#include <thread>

#include "repo-format/limits.h"
#include "tests/unit/engine/codec/allocation_watch.h"
#include "tests/unit/engine/codec/frame_fixture.h"

namespace cairn {
namespace {

using codec_test::ForgetAllocations;
using codec_test::LargestAllocation;
using codec_test::Text;
using crypto_test::RandomBytes;

// Nothing repeats, but only 64 of 256 bytes are used.
Bytes Base64Noise(size_t size) {
  Bytes noise = RandomBytes(size, 11);
  for (uint8_t& byte : noise) {
    byte = static_cast<uint8_t>("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[byte % 64]);
  }
  return noise;
}

constexpr int kLevels[] = {-7, -1, 1, 3, 4, 5, 9, 15, 19, 22};

Bytes Compress(ByteSpan plain, int level = 3) {
  Bytes compressed;
  CHECK(TryCompress(plain, level, &compressed));
  return compressed;
}

Result<Bytes> Open(ByteSpan compressed, size_t plain_length) {
  return Decompress(compressed, static_cast<uint32_t>(plain_length), "frame");
}

TEST(TryCompress, RoundTripsAtEveryLevel) {
  const Bytes plain = Text(300'000);
  for (const int level : kLevels) {
    const Bytes compressed = Compress(plain, level);
    EXPECT_LT(compressed.size(), plain.size() / 2) << level;
    EXPECT_EQ(*Open(compressed, plain.size()), plain) << level;
  }
}

TEST(TryCompress, StatesTheSizeAndNoChecksum) {
  const Bytes plain = Text(300'000);
  const Bytes compressed = Compress(plain);
  EXPECT_EQ(ZSTD_getFrameContentSize(compressed.data(), compressed.size()), plain.size());
  EXPECT_EQ(compressed[4] & 4, 0);  // RFC 8878, section 3.1.1.1.1: the checksum flag of the frame header
}

TEST(TryCompress, DoesNothingAtLevelZero) {
  Bytes compressed;
  EXPECT_FALSE(TryCompress(Text(100'000), 0, &compressed));
}

TEST(TryCompress, GivesUpOnNoiseOfEverySize) {
  for (const int level : {1, 3, 9, 19}) {
    for (const size_t size : {size_t{0}, size_t{1}, size_t{10}, size_t{1'000}, size_t{40'000}, size_t{300'000}}) {
      Bytes compressed;
      EXPECT_FALSE(TryCompress(RandomBytes(size, 12), level, &compressed)) << level << " " << size;
    }
  }
}

TEST(TryCompress, GivesUpOnGainsBelowOnePartIn64) {
  Bytes almost = RandomBytes(64'000, 13);
  std::fill_n(almost.begin(), 500, uint8_t{0});
  Bytes compressed;
  EXPECT_FALSE(TryCompress(almost, 3, &compressed));
  std::fill_n(almost.begin(), 2'000, uint8_t{0});
  EXPECT_TRUE(TryCompress(almost, 3, &compressed));
}

// A sample at a negative level, which codes no literals, once took these for noise.
TEST(TryCompress, SeesThatFewBytesAreUsedThoughNothingRepeats) {
  const Bytes plain = Base64Noise(1 << 20);
  for (const int level : kLevels) {
    if (level < 0) continue;
    EXPECT_LT(Compress(plain, level).size(), plain.size() * 8 / 10) << level;
  }
}

// Samples may all fall on noise; what lies between them must not be given away.
TEST(TryCompress, KeepsWhatTheSamplesDidNotSee) {
  Bytes mixed = RandomBytes(1 << 20, 14);
  for (size_t i = 0; i < 15; ++i) {  // in the middle between two samples of the sixteen
    std::fill_n(mixed.begin() + static_cast<ptrdiff_t>((mixed.size() - 4'096) / 15 * i + 20'000), 30'000, uint8_t{0});
  }
  for (const int level : {1, 3, 9, 19}) {
    EXPECT_LT(Compress(mixed, level).size(), mixed.size() * 6 / 10) << level;
  }
}

TEST(TryCompress, WorksInManyThreads) {
  std::array<bool, 4> right{};
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < right.size(); ++t) {
      threads.emplace_back([&right, t] {
        right[t] = true;
        for (size_t i = 1; i < 20; ++i) {
          const Bytes plain = Text(10'000 * i + t);
          const auto opened = Open(Compress(plain, static_cast<int>(i % 6 + 1)), plain.size());
          right[t] = right[t] && opened && *opened == plain;
        }
      });
    }
  }
  EXPECT_EQ(right, (std::array<bool, 4>{true, true, true, true}));
}

TEST(Decompress, RefusesAnotherLength) {
  const Bytes plain = Text(1'000);
  const Bytes compressed = Compress(plain);
  for (const size_t length : {size_t{0}, size_t{999}, size_t{1'001}, size_t{UINT32_MAX}}) {
    EXPECT_CODE(kCorrupt, Open(compressed, length)) << length;
  }
}

TEST(Decompress, RefusesEveryTruncation) {
  const Bytes compressed = Compress(Text(1'000));
  for (size_t size = 0; size < compressed.size(); ++size) {
    EXPECT_CODE(kCorrupt, Open(ByteSpan(compressed).first(size), 1'000)) << size;
  }
}

TEST(Decompress, RefusesWhatIsLeftOver) {
  Bytes compressed = Compress(Text(1'000));
  compressed.push_back(0);
  EXPECT_CODE(kCorrupt, Open(compressed, 1'000));
}

TEST(Decompress, RefusesTwoFrames) {
  Bytes two = Compress(Text(1'000));
  Append(two, Compress(Text(1'000)));
  EXPECT_CODE(kCorrupt, Open(two, 2'000));
  EXPECT_CODE(kCorrupt, Open(two, 1'000));
}

TEST(Decompress, RefusesSkippableFramesAndOlderFormats) {
  const Bytes frame = Compress(Text(1'000));
  Bytes skippable = crypto_test::Hex("502a4d1804000000abcdef01");  // RFC 8878, section 3.1.2
  EXPECT_CODE(kCorrupt, Open(skippable, 0));
  Append(skippable, frame);
  EXPECT_CODE(kCorrupt, Open(skippable, 1'000));
  for (uint8_t version = 0x1e; version < 0x28; ++version) {  // the magics of zstd before 0.8
    Bytes older = frame;
    older[0] = version;
    older[1] = 0xb5;
    EXPECT_CODE(kCorrupt, Open(older, 1'000));
  }
}

TEST(Decompress, RefusesAFrameThatDoesNotStateItsSize) {
  const Bytes plain = Text(1'000);
  Bytes compressed(ZSTD_compressBound(plain.size()));
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
  compressed.resize(ZSTD_compress2(context, compressed.data(), compressed.size(), plain.data(), plain.size()));
  ZSTD_freeCCtx(context);
  EXPECT_CODE(kCorrupt, Open(compressed, plain.size()));
}

TEST(Decompress, RefusesAFrameThatNeedsADictionary) {
  const Bytes dictionary = Text(2'000);
  const Bytes plain = Text(1'000);
  Bytes compressed(ZSTD_compressBound(plain.size()));
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  compressed.resize(ZSTD_compress_usingDict(context, compressed.data(), compressed.size(), plain.data(), plain.size(),
                                            dictionary.data(), dictionary.size(), 3));
  ZSTD_freeCCtx(context);
  EXPECT_CODE(kCorrupt, Open(compressed, plain.size()));
}

// Who holds a session's key can seal any bytes: none may crash, nor cost more than the length that was checked before.
TEST(Decompress, SurvivesFlippedBits) {
  const Bytes compressed = Compress(Text(2'000));
  for (size_t bit = 0; bit < compressed.size() * 8; ++bit) {
    Bytes wrong = compressed;
    wrong[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    ForgetAllocations();
    const auto opened = Open(wrong, 2'000);
    if (opened) {
      EXPECT_EQ(opened->size(), 2'000u) << bit;
    }
    EXPECT_LE(LargestAllocation(), 100'000u) << bit;
  }
}

TEST(Decompress, AllocatesNothingForALengthThatTheFrameDoesNotState) {
  const Bytes compressed = Compress(Text(1'000));
  ForgetAllocations();
  EXPECT_CODE(kCorrupt, Open(compressed, limits::kFramePlainBytesMax));
  EXPECT_LT(LargestAllocation(), 10'000u);
}

// 16 MiB of zeros in some hundred bytes, which say that they are 1,000.
TEST(Decompress, StopsABombAtTheLengthThatItStates) {
  const Bytes bomb = Compress(Bytes(limits::kFramePlainBytesMax, 0), 1);
  EXPECT_LT(bomb.size(), 2'000u);
  ASSERT_EQ(bomb[4] >> 6, 2);  // RFC 8878: the content size has four bytes
  const size_t at = (bomb[4] & 0x20) != 0 ? 5 : 6;
  Bytes lie = bomb;
  for (size_t i = 0; i < 4; ++i) lie[at + i] = static_cast<uint8_t>(1'000 >> (8 * i));
  ASSERT_EQ(ZSTD_getFrameContentSize(lie.data(), lie.size()), 1'000u);
  ForgetAllocations();
  EXPECT_CODE(kCorrupt, Open(lie, 1'000));
  EXPECT_LT(LargestAllocation(), 10'000u);
}

}  // namespace
}  // namespace cairn
