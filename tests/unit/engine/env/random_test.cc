#include "engine/env/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "repo-format/ids.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

TEST(SystemRandom, FillsEveryByte) {
  Bytes bytes(100'000);
  std::ranges::fill(bytes, uint8_t{0});
  SystemRandom().Fill(bytes);
  std::vector<int> counts(256);
  for (const uint8_t byte : bytes) ++counts[byte];
  // 390 of each are expected; 250 and 530 are seven standard deviations away.
  EXPECT_GT(*std::ranges::min_element(counts), 250);
  EXPECT_LT(*std::ranges::max_element(counts), 530);
  SystemRandom().Fill({});
}

TEST(SystemRandom, NeverRepeatsAnId) {
  std::set<SessionId> ids;
  for (int i = 0; i < 1'000; ++i) ids.insert(SystemRandom().NewId<SessionId>());
  EXPECT_EQ(ids.size(), 1'000U);
}

TEST(Random, BelowIsInRangeAndReachesAllOfIt) {
  const SeededRandom random;
  for (const uint64_t bound : {1U, 2U, 3U, 7U, 10U}) {
    std::set<uint64_t> seen;
    for (int i = 0; i < 500; ++i) {
      const uint64_t value = random.Below(bound);
      ASSERT_LT(value, bound);
      seen.insert(value);
    }
    EXPECT_EQ(seen.size(), bound);
  }
  EXPECT_LT(random.Below(UINT64_MAX), UINT64_MAX);
}

// Fills 0xff first: values that must be drawn again.
class HighFirst final : public Random {
 public:
  void Fill(MutableByteSpan target) const override {
    std::ranges::fill(target, calls_++ == 0 ? uint8_t{0xff} : uint8_t{0});
  }
  mutable int calls_ = 0;
};

TEST(Random, BelowDrawsAgainWhatWouldFavourSmallResults) {
  const HighFirst random;
  EXPECT_EQ(random.Below(10), 0U);
  EXPECT_EQ(random.calls_, 2);
}

}  // namespace
}  // namespace cairn
