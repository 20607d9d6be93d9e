#include "engine/jobs/prune.h"

#include "tests/support/matchers.h"

namespace cairn {
namespace {

constexpr uint64_t kLeast = 1'000;

struct Pack {
  uint64_t live = 0, dead = 0;
  bool is_billed_anyway = false;
  BlobKind kind = BlobKind::kData;
};

// By their order.
std::vector<PackPlan> Usage(const std::vector<Pack>& packs) {
  std::vector<PackPlan> usage;
  for (const Pack& pack : packs) {
    PackPlan plan;
    plan.pack.name.put[0] = static_cast<uint8_t>(usage.size());
    plan.pack.kind = pack.kind;
    plan.pack.size = pack.live + pack.dead;
    plan.live_bytes = pack.live;
    plan.dead_bytes = pack.dead;
    plan.live_frames = pack.live > 0 ? 1 : 0;
    plan.frames = plan.live_frames + (pack.dead > 0 ? 1 : 0);
    plan.is_billed_anyway = pack.is_billed_anyway;
    usage.push_back(plan);
  }
  return usage;
}

PrunePlan Plan(const std::vector<Pack>& packs, PruneOptions options = {}) {
  options.max_unused_percent = 0;
  options.least_pack_bytes = kLeast;
  auto plan = PlanPrune(Usage(packs), options, true);
  CHECK(plan.has_value());
  return *std::move(plan);
}

std::vector<PackFate> Fates(const PrunePlan& plan) {
  std::vector<PackFate> fates;
  for (const PackPlan& pack : plan.packs) fates.push_back(pack.fate);
  return fates;
}

using testing::ElementsAre;
using enum PackFate;

TEST(PrunePlan, LeavesAYoungPackThatIsHalfDeadUntilItIsPaidFor) {
  const PrunePlan young = Plan({{5'000, 5'000, true}});
  EXPECT_THAT(Fates(young), ElementsAre(kPartlyDead));
  EXPECT_EQ(young.bytes_billed_anyway, 5'000u);
  EXPECT_EQ(young.bytes_repacked, 0u);
  EXPECT_THAT(Fates(Plan({{5'000, 5'000, false}})), ElementsAre(kRepack));
}

TEST(PrunePlan, RemovesAYoungPackThatIsWhollyDead) {
  EXPECT_THAT(Fates(Plan({{0, 5'000, true}})), ElementsAre(kRemove));
}

TEST(PrunePlan, JoinsSmallPacksOnceThereAreTwo) {
  EXPECT_THAT(Fates(Plan({{300, 0}, {9'000, 0}})), ElementsAre(kLive, kLive));
  const PrunePlan two = Plan({{300, 0}, {9'000, 0}, {200, 0}});
  EXPECT_THAT(Fates(two), ElementsAre(kRepack, kLive, kRepack));
  EXPECT_EQ(two.packs_joined, 2u);
  EXPECT_EQ(two.bytes_joined, 2 * kLeast - kLeast);
  EXPECT_EQ(two.bytes_after, two.bytes_before);
}

TEST(PrunePlan, JoinsASmallPackWithWhatIsMovedAnyway) {
  const PrunePlan plan = Plan({{300, 0}, {4'000, 4'000}});
  EXPECT_THAT(Fates(plan), ElementsAre(kRepack, kRepack));
  EXPECT_EQ(plan.bytes_joined, 4'000 + kLeast - 4'300);
}

TEST(PrunePlan, JoinsNoYoungOnesAndNoMetadata) {
  EXPECT_THAT(Fates(Plan({{300, 0, true}, {300, 0, true}})), ElementsAre(kLive, kLive));
  EXPECT_THAT(Fates(Plan({{300, 0, false, BlobKind::kMetadata}, {300, 0, false, BlobKind::kMetadata}})),
              ElementsAre(kLive, kLive));
}

TEST(PrunePlan, JoinsWithinTheBudget) {
  PruneOptions options;
  options.max_repack_bytes = 350;
  const PrunePlan plan = Plan({{300, 0}, {200, 0}, {100, 0}}, options);
  EXPECT_THAT(Fates(plan), ElementsAre(kLive, kRepack, kRepack));
  EXPECT_EQ(plan.bytes_repacked, 300u);
  options.max_repack_bytes = 250;
  EXPECT_THAT(Fates(Plan({{300, 0}, {200, 0}}, options)), ElementsAre(kLive, kLive));
}

}  // namespace
}  // namespace cairn
