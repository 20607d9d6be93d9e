#include "engine/jobs/pack_usage.h"

#include <malloc.h>

#include <fstream>
#include <random>

#include "engine/jobs/live_places.h"
#include "engine/jobs/needed_places.h"
#include "tests/support/matchers.h"
#include "tests/support/test_context.h"
#include "tests/unit/engine/index/index_fixture.h"

namespace cairn {
namespace {

using namespace index_test;

const YoungPacks kNoneIsYoung{.sessions = {}, .number_first = UINT32_MAX};

class PackUsageTest : public IndexTest {
 protected:
  PackUsage Measure(Index& index, const std::vector<uint64_t>& blobs, uint64_t join_below = 0) {
    IdSorter needed(folder_, 1 << 20);
    for (const uint64_t n : blobs) EXPECT_OK(needed.Add(Blob(n)));
    auto usage = MeasureUsage(context_.job, index, needed, kNoneIsYoung, join_below);
    EXPECT_OK(usage);
    return usage ? *std::move(usage) : PackUsage();
  }

  TestContext context_;
};

TEST_F(PackUsageTest, TellsWhatIsLiveInEachPack) {
  segments_.Put(1, SegmentOf({PackOf(3, {{{10, 11}}, {{12, 13}}}), PackOf(1, {{{20}}}), PackOf(2, {{{30, 31}}}),
                              PackOf(4, {{{40}}, {{41, 42}}})}));
  const auto index = Open();
  Sync(*index);
  const PackUsage usage = Measure(*index, {10, 30, 31, 41, 42, 99});
  ASSERT_EQ(usage.packs.size(), 4u);
  std::vector<std::array<uint64_t, 6>> told;
  for (const PackPlan& plan : usage.packs) {
    told.push_back({NumberOf(plan.pack.name), plan.live_bytes, plan.dead_bytes, plan.dead_in_live_frames,
                    plan.live_frames, plan.frames});
  }
  const std::vector<std::array<uint64_t, 6>> expected = {
      {1, 0, 101, 0, 0, 1}, {2, 102, 0, 0, 1, 1}, {3, 102, 102, 102 * 111 / 221, 1, 2}, {4, 102, 101, 0, 1, 2}};
  EXPECT_EQ(told, expected) << "by name";
  EXPECT_EQ(usage.missing, std::vector<BlobId>{Blob(99)});
  std::map<uint64_t, std::vector<bool>> live;
  for (const PackPlan& plan : usage.packs) {
    if (const auto found = usage.live.find(plan.pack.number); found != usage.live.end()) {
      live[NumberOf(plan.pack.name)] = found->second;
    }
  }
  const std::map<uint64_t, std::vector<bool>> expected_live = {{3, {true, false, false, false}},
                                                               {4, {false, true, true}}};
  EXPECT_EQ(live, expected_live) << "of those that are partly live";
  EXPECT_EQ(Measure(*index, {30, 31}, 1'000'000).live.size(), 1u) << "and of those that may be joined";
}

TEST_F(PackUsageTest, OfTwoCopiesOfAFrameOneIsLive) {
  SegmentPack other = PackOf(2, {{{10}}});
  other.frames.front().check.fill(7);
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}}), other, PackOf(3, {{{10}}})}));
  const auto index = Open();
  Sync(*index);
  std::vector<uint64_t> live;
  for (const PackPlan& plan : Measure(*index, {10}).packs) {
    if (plan.live_frames > 0) live.push_back(NumberOf(plan.pack.name));
  }
  EXPECT_EQ(live, (std::vector<uint64_t>{1, 2}));
}

TEST_F(PackUsageTest, StopEndsIt) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}})}));
  const auto index = Open();
  Sync(*index);
  IdSorter needed(folder_, 1 << 20);
  context_.stop.request_stop();
  EXPECT_THAT(MeasureUsage(context_.job, *index, needed, kNoneIsYoung), ErrorCodeIs(ErrorCode::kInterrupted));
}

// Packs of frames of few blobs; some blobs are in several packs, in equal frames or in others.
class RescueTest : public PackUsageTest {
 protected:
  static constexpr uint64_t kPacks = 40, kBlobs = 300;

  std::unique_ptr<Index> Make(std::mt19937_64& random) {
    std::vector<SegmentPack> packs;
    for (uint64_t p = 0; p < kPacks; ++p) {
      std::vector<Blobs> frames(1 + random() % 3);
      for (Blobs& frame : frames) {
        std::set<uint64_t> numbers;
        while (numbers.size() < 5) numbers.insert(random() % kBlobs);
        frame.numbers.assign(numbers.begin(), numbers.end());
      }
      packs.push_back(PackOf(p, frames));
      // Two of three are copies of one frame, as far as a check can say.
      for (FrameEntry& frame : packs.back().frames) frame.check.fill(random() % 3 == 0 ? static_cast<uint8_t>(p) : 0);
    }
    segments_.Put(1, SegmentOf(packs));
    auto index = Open();
    Sync(*index);
    std::vector<PackName> tombstones;
    for (uint64_t p = 0; p < kPacks; ++p) {
      if (random() % 2 == 0) tombstones.push_back(Pack(p));
    }
    index->SetTombstones(tombstones);
    return index;
  }
};

TEST_F(RescueTest, WhatIsFoundByPacksIsWhatTheWholeIndexGives) {
  std::mt19937_64 random(20260107);
  for (int round = 0; round < 20; ++round) {
    const auto index = Make(random);
    IdSorter needed(folder_, 1 << 20);
    for (uint64_t n = 0; n < kBlobs; ++n) {
      const auto places = index->Find(Blob(n));
      ASSERT_OK(places);
      const bool is_needed = !places->empty() && random() % 2 == 0;
      if (is_needed) {
        ASSERT_OK(needed.Add(Blob(n)));
      }
    }
    const OwnFrames own{Session(1), {Pack(random() % kPacks), Pack(random() % kPacks)}};
    const auto all = FindRescue(context_.job, *index, needed, own);
    const auto in_packs = FindRescueInPacks(context_.job, *index, needed, own);
    ASSERT_OK(all);
    ASSERT_OK(in_packs);
    EXPECT_FALSE(all->frames.empty());
    EXPECT_EQ(in_packs->frames, all->frames);
    EXPECT_TRUE(all->missing.empty());
    index->SetTombstones({});
    const auto none = FindRescueInPacks(context_.job, *index, needed, own);
    ASSERT_OK(none);
    EXPECT_TRUE(none->frames.empty());
  }
}

TEST_F(RescueTest, SeveralThreadsMeasureWhatOneDoes) {
  std::mt19937_64 random(20260108);
  const auto index = Make(random);
  index->SetTombstones({});
  TestContext several({.workers = 5});
  const auto measure = [&](const JobContext& context) {
    IdSorter needed(folder_, 1 << 20);
    for (uint64_t n = 0; n < kBlobs + 50; n += 3) EXPECT_OK(needed.Add(Blob(n)));
    auto usage = MeasureUsage(context, *index, needed, kNoneIsYoung);
    EXPECT_OK(usage);
    return *std::move(usage);
  };
  const PackUsage one = measure(context_.job), more = measure(several.job);
  EXPECT_EQ(more.live, one.live);
  EXPECT_EQ(more.missing, one.missing);
  EXPECT_GE(one.missing.size(), 16u);
  ASSERT_EQ(more.packs.size(), one.packs.size());
  for (size_t i = 0; i < one.packs.size(); ++i) EXPECT_EQ(more.packs[i].live_bytes, one.packs[i].live_bytes);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Of this process: how much more it had than now, since the last call.
uint64_t GrownSince(uint64_t* now) {
  const auto value = [](const std::string& name) {
    std::ifstream status("/proc/self/status");
    std::string word;
    while (status >> word && word != name) {
    }
    uint64_t kib = 0;
    status >> kib;
    return kib * kKiB;
  };
  const uint64_t peak = value("VmHWM:"), before = *now;
  malloc_trim(0);  // what was freed before would be used again
  std::ofstream("/proc/self/clear_refs") << "5";
  *now = value("VmRSS:");
  return peak - std::min(peak, before);
}

TEST_F(PackUsageTest, AMillionNeededBlobsTakeLittleMemory) {
  constexpr uint64_t kSegments = 10, kBlobs = 1'000'000;
  std::map<SegmentId, uint64_t> numbers;
  std::vector<SegmentId> listing;
  for (uint64_t n = 0; n < kSegments; ++n) numbers[Segment(n)] = n;
  for (const auto& [id, n] : numbers) listing.push_back(id);
  const auto load = [&](const SegmentId& id) -> Result<IndexSegment> {
    std::vector<SegmentPack> packs;
    for (uint64_t p = numbers.at(id) * 100; p < numbers.at(id) * 100 + 100; ++p) {
      std::vector<Blobs> frames(10, Blobs{.numbers = {}, .length = 100});
      for (uint64_t f = 0; f < frames.size(); ++f) {
        for (uint64_t b = 0; b < 100; ++b) frames[f].numbers.push_back(p * 1'000 + f * 100 + b);
      }
      packs.push_back(PackOf(p, frames));
    }
    return SegmentOf(packs);
  };
  const auto index = Open();
  ASSERT_OK(index->Sync(listing, load, context_.job));
  ASSERT_EQ(index->blob_count(), kBlobs);
  IdSorter needed(folder_, 1 << 20);
  for (uint64_t n = 0; n < kBlobs; ++n) {
    if (n % 10 == 0) continue;
    ASSERT_OK(needed.Add(Blob(n)));
  }
  // What the walk itself takes, and the cache of the index, is there already.
  const auto nothing = [](const BlobId&, std::span<const BlobPlace>) { return Result<void>(); };
  ASSERT_OK(ForEachNeeded(context_.job, *index, needed, nothing));
  for (const IndexedPack& pack : index->Packs()) ASSERT_OK(index->Frames(pack.number));
  context_.job.limits.memory_bytes = kMiB;
  uint64_t now = 0;
  static_cast<void>(GrownSince(&now));
  const auto usage = MeasureUsage(context_.job, *index, needed, kNoneIsYoung);
  ASSERT_OK(usage);
  EXPECT_EQ(usage->live.size(), kBlobs / 1'000);
  EXPECT_LT(GrownSince(&now), 4 * kMiB) << "900,000 places alone are 7 MB, and grow in steps";
}
#endif

TEST_F(PackUsageTest, PlacesComePackByPackInOrder) {
  for (const uint64_t memory_bytes : {0, 1 << 20}) {  // in several runs on disk, and in memory
    LivePlaces places(folder_, memory_bytes);
    for (uint32_t n = 0; n < 10'000; ++n) {
      const uint32_t mixed = n * 7'919 % 10'000;
      ASSERT_OK(places.Add({.pack = mixed % 100 * 3, .frame = mixed / 1'000, .blob = mixed / 100 % 10}));
    }
    ASSERT_OK(places.Add({.pack = 3}));  // once more
    std::vector<std::pair<uint32_t, uint32_t>> got, expected;
    const auto gather = [&](uint32_t frame, uint32_t blob) -> Result<void> {
      got.emplace_back(frame, blob);
      return {};
    };
    for (uint32_t n = 0; n < 100; ++n) expected.emplace_back(n / 10, n % 10);
    ASSERT_OK(places.TakePack(3, gather));
    EXPECT_EQ(got, expected);
    ASSERT_OK(places.TakePack(4, gather));
    EXPECT_EQ(got.size(), 100u) << "there is none in it";
    ASSERT_OK(places.TakePack(297, gather));  // those between are passed over
    EXPECT_EQ(got.size(), 200u);
    ASSERT_OK(places.TakePack(400, gather));
    EXPECT_EQ(got.size(), 200u);
  }
}

}  // namespace
}  // namespace cairn
