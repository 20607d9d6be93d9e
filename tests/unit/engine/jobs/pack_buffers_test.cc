#include "engine/jobs/pack_buffers.h"

#include <gtest/gtest.h>

#include <random>

#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr uint64_t kPack = 16 * kMiB;

TEST(PackBuffers, GivesTheMemoryOfOneThatWasAboutAsLong) {
  PackBuffers buffers(32 * kMiB);
  Bytes bytes = buffers.Take(kPack);
  ASSERT_GE(bytes.capacity(), kPack);
  bytes.resize(kPack);
  const uint8_t* place = bytes.data();
  buffers.Give(std::move(bytes), kPack);
  bytes = buffers.Take(kPack + 100'000);
  EXPECT_EQ(bytes.data(), place);
  EXPECT_TRUE(bytes.empty());
  EXPECT_NE(buffers.Take(kPack).data(), place) << "it is in use";
}

TEST(PackBuffers, KeepsNothingThatIsMuchLongerThanItsPack) {
  PackBuffers buffers(256 * kMiB);
  buffers.Give(Bytes(8 * kMiB), 5 * kMiB);  // its store gave more than the index said
  EXPECT_LE(buffers.Take(5 * kMiB).capacity(), 6 * kMiB);
  Bytes large = buffers.Take(64 * kMiB);
  buffers.Give(std::move(large), 64 * kMiB);
  EXPECT_LE(buffers.Take(5 * kMiB).capacity(), 6 * kMiB);
  EXPECT_EQ(buffers.Take(kMiB).capacity(), 0U) << "malloc's own";
}

TEST(PackBuffers, KeepsNothingWhereNothingMayBeKept) {
  PackBuffers none(0);
  EXPECT_EQ(none.Take(kPack).capacity(), 0U);
  none.Give(Bytes(kPack), kPack);
  EXPECT_EQ(none.Take(kPack).capacity(), 0U);
}

// Packs of all sizes, eight at a time: what is handed out is never more than a quarter above them, and no more than the
// limit is kept.
TEST(PackBuffers, HoldsNoMoreThanItsLimit) {
  constexpr uint64_t kLimit = 64 * kMiB;
  PackBuffers buffers(kLimit);
  std::mt19937 random(5);
  std::vector<std::pair<Bytes, uint64_t>> taken;
  for (int i = 0; i < 1000; ++i) {
    const uint64_t size = random() % 2 == 0 ? kPack + random() % kMiB : 1 + random() % (40 * kMiB);
    taken.emplace_back(buffers.Take(size), size);
    if (size >= PackBuffers::kKeptMin) {
      EXPECT_GE(taken.back().first.capacity(), size);
      EXPECT_LE(taken.back().first.capacity(), size + size / 4);
    }
    if (taken.size() < 8) continue;
    std::swap(taken[random() % taken.size()], taken.back());
    buffers.Give(std::move(taken.back().first), taken.back().second);
    taken.pop_back();
    EXPECT_LE(buffers.idle_bytes(), kLimit);
  }
  EXPECT_GT(buffers.idle_bytes(), 0U);
}

}  // namespace
}  // namespace cairn
