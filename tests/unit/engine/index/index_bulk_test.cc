// Many segments at once: their rows are put in place in one step, or not at all.
#include <fstream>
#include <thread>
#include <utility>

#include "tests/unit/engine/index/index_fixture.h"

namespace cairn::index_test {
namespace {

using Numbers = std::vector<uint64_t>;

class IndexBulk : public IndexTest {
 protected:
  static constexpr uint64_t kMany = 20;
  IndexBulk() {
    for (uint64_t n = 0; n < kMany; ++n) segments_.Put(n, SegmentOf({PackOf(n, {{{n, n + 1000}}})}));
  }
  std::string BulkFolder() const { return folder_ + "/index/shared/bulk"; }
  void ExpectAll(Index& index) {
    EXPECT_EQ(index.Packs().size(), kMany);
    for (uint64_t n = 0; n < kMany; ++n) {
      EXPECT_EQ(PacksOf(index, n), Numbers{n});
      EXPECT_EQ(PacksOf(index, n + 1000), Numbers{n});
    }
    EXPECT_EQ(AllOf(index), Expected(segments_, segments_.Listing()));
  }
};

TEST_F(IndexBulk, NothingIsLeftBesideTheTable) {
  const auto index = Open();
  Sync(*index);
  ExpectAll(*index);
  EXPECT_FALSE(std::filesystem::exists(BulkFolder()));
}

TEST_F(IndexBulk, RowsSurviveTheProcess) {
  Sync(*Open());
  EXPECT_EQ(segments_.loads, static_cast<int>(kMany));
  const auto index = Open();
  Sync(*index);
  EXPECT_EQ(segments_.loads, static_cast<int>(kMany));
  ExpectAll(*index);
}

TEST_F(IndexBulk, AStopLeavesTheIndexAsItWas) {
  segments_.all.clear();
  segments_.Put(500, SegmentOf({PackOf(500, {{{5000}}})}));
  const auto index = Open();
  Sync(*index);
  for (uint64_t n = 0; n < kMany; ++n) segments_.Put(n, SegmentOf({PackOf(n, {{{n, n + 1000}}})}));
  JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), stop_.get_token(), Limits()};
  int loads = 0;
  const auto stopping = [&](const SegmentId& id) {
    if (++loads == 15) stop_.request_stop();
    return segments_.Loader()(id);
  };
  EXPECT_EQ(index->Sync(segments_.Listing(), stopping, context).error().code(), ErrorCode::kInterrupted);
  EXPECT_EQ(PackNumbers(*index), Numbers{500});
  EXPECT_TRUE(HasForWriter(*index, 5000));
  EXPECT_FALSE(HasForWriter(*index, 3));
  EXPECT_FALSE(std::filesystem::exists(BulkFolder()));
  stop_ = std::stop_source();
  Sync(*index);
  EXPECT_EQ(AllOf(*index), Expected(segments_, segments_.Listing()));
}

TEST_F(IndexBulk, WhatWasLoadedBeforeASegmentThatWentIsNotLoadedAgain) {
  const auto index = Open();
  auto listing = segments_.Listing();
  SegmentId last = listing.back();  // ids are loaded ascending
  last.mutable_bytes()[SegmentId::kSize - 1] ^= 1;
  listing.push_back(last);
  EXPECT_EQ(SyncTo(*index, listing).error().code(), ErrorCode::kBusy);
  EXPECT_GE(segments_.loads, static_cast<int>(kMany));
  segments_.loads = 0;
  Sync(*index);
  EXPECT_LE(segments_.loads, 1);
  ExpectAll(*index);
}

TEST_F(IndexBulk, FilesOfAProcessThatDiedGo) {
  Sync(*Open());
  std::filesystem::create_directories(BulkFolder());
  std::ofstream(BulkFolder() + "/blobs-0-of-1-0.sst") << "half a file";
  const auto index = Open();
  EXPECT_FALSE(std::filesystem::exists(BulkFolder()));
  Sync(*index);
  ExpectAll(*index);
}

TEST_F(IndexBulk, SegmentsThatDifferOnAPackAreDisputed) {
  segments_.Put(100, SegmentOf({PackOf(3, {{{3, 66}}})}));
  const auto index = Open();
  Sync(*index);
  EXPECT_FALSE(HasForWriter(*index, 3));
  EXPECT_FALSE(HasForWriter(*index, 66));
  EXPECT_EQ(PacksOf(*index, 3), Numbers{3});  // a reader tries
  EXPECT_TRUE(HasForWriter(*index, 4));
  segments_.all.erase(Segment(100));
  Sync(*index);
  EXPECT_TRUE(HasForWriter(*index, 3));
  EXPECT_FALSE(HasForWriter(*index, 66));
  ExpectAll(*index);
}

TEST_F(IndexBulk, RowsThatWereMadeFromSomethingElseAreReplaced) {
  const auto right = std::exchange(segments_.all, {});
  segments_.Put(900, SegmentOf({PackOf(3, {{{3, 66}}}), PackOf(4, {{{4, 1004}}})}));
  auto index = Open();
  Sync(*index);
  EXPECT_TRUE(HasForWriter(*index, 66));
  segments_.all = right;
  Sync(*index);
  ExpectAll(*index);
  EXPECT_TRUE(PacksOf(*index, 66).empty());
  index = nullptr;
  index = Open();
  Sync(*index);
  ExpectAll(*index);
  EXPECT_TRUE(PacksOf(*index, 66).empty());
}

// Whoever can put a segment can give a process's copy no more than what it says.
TEST_F(IndexBulk, PacksWhoseNamesAreMadeToMeet) {
  std::vector<SegmentPack> packs(10'000);
  for (uint64_t n = 0; n < packs.size(); ++n) {
    packs[n].name = Pack(7);
    for (size_t i = 0; i < 8; ++i) packs[n].name.digest.mutable_bytes()[20 + i] = static_cast<uint8_t>(n >> (8 * i));
  }
  segments_.Put(100, SegmentOf(packs));
  const auto index = Open();
  Sync(*index);
  EXPECT_EQ(index->Packs().size(), kMany + packs.size());
}

TEST_F(IndexBulk, ATableThatIsGoneIsMadeAnew) {
  const auto all = std::exchange(segments_.all, {});
  const auto index = Open();
  segments_.Put(500, SegmentOf({PackOf(500, {{{5000}}})}));
  Sync(*index);
  segments_.all = all;
  std::filesystem::remove_all(folder_ + "/index/shared");
  Sync(*index);
  ExpectAll(*index);
}

TEST_F(IndexBulk, ATableThatGoesMeanwhileIsMadeAnew) {
  const auto index = Open();
  JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, Limits()};
  int loads = 0;
  const auto losing = [&](const SegmentId& id) {
    if (++loads == 10) std::filesystem::remove_all(folder_ + "/index/shared");
    return segments_.Loader()(id);
  };
  const auto result = index->Sync(segments_.Listing(), losing, context);
  ASSERT_TRUE(result) << result.error().message();
  ExpectAll(*index);
}

TEST_F(IndexBulk, APackOfTheBulkIsAddedMeanwhile) {
  for (const bool stops : {false, true}) {
    SCOPED_TRACE(stops);
    std::filesystem::remove_all(folder_ + "/index");
    const auto index = Open();
    JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), stop_.get_token(), Limits()};
    int loads = 0;
    uint64_t n = 0;  // of the segment that is loaded first
    while (Segment(n) != segments_.Listing().front()) ++n;
    const auto adding = [&](const SegmentId& id) {
      if (++loads == 5) {
        EXPECT_TRUE(index->AddPack(PackOf(n, {{{n, n + 1000}}}), SessionsForAdd()));
        EXPECT_TRUE(HasForWriter(*index, n)) << "found at once";
        EXPECT_EQ(PacksOf(*index, n), Numbers{n});
        EXPECT_TRUE(index->Frames(index->FindPack(Pack(n))->number));
        if (stops) stop_.request_stop();
      }
      return segments_.Loader()(id);
    };
    EXPECT_EQ(index->Sync(segments_.Listing(), adding, context).has_value(), !stops);
    EXPECT_EQ(PacksOf(*index, n), Numbers{n});
    stop_ = std::stop_source();
    Sync(*index);
    ExpectAll(*index);
  }
}

// So many that there are several runs, and several threads that make files of them.
TEST_F(IndexBulk, TwoHundredThousandBlobsByThreeThreads) {
  segments_.all.clear();
  for (uint64_t p = 0; p < 20; ++p) {
    std::vector<Blobs> frames(100);
    for (uint64_t f = 0; f < frames.size(); ++f) {
      for (uint64_t b = 0; b < 100; ++b) frames[f].numbers.push_back(p * 10'000 + f * 100 + b);
    }
    segments_.Put(p, SegmentOf({PackOf(p, frames)}));
  }
  executor_ = MakeThreadPool(3);
  const auto index = Open();
  Limits limits;
  limits.memory_bytes = kMiB;
  JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, limits};
  ASSERT_TRUE(index->Sync(segments_.Listing(), segments_.Loader(), context));
  EXPECT_EQ(index->blob_count(), 200'000u);
  EXPECT_EQ(AllOf(*index), Expected(segments_, segments_.Listing()));
}

TEST_F(IndexBulk, PacksAreAddedMeanwhile) {
  const auto index = Open();
  JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, Limits()};
  uint64_t added = 0;
  const auto adding = [&](const SegmentId& id) {
    std::jthread([&] {
      ++added;
      EXPECT_TRUE(index->AddPack(PackOf(3000 + added, {{{30'000 + added}}}), SessionsForAdd()));
      EXPECT_TRUE(HasForWriter(*index, 30'000 + added)) << "found at once";
    }).join();
    return segments_.Loader()(id);
  };
  ASSERT_TRUE(index->Sync(segments_.Listing(), adding, context));
  EXPECT_EQ(index->Packs().size(), kMany + added);
  for (uint64_t n = 1; n <= added; ++n) EXPECT_TRUE(HasForWriter(*index, 30'000 + n));
  for (uint64_t n = 0; n < kMany; ++n) EXPECT_EQ(PacksOf(*index, n), Numbers{n});
}

TEST_F(IndexBulk, NumbersStayTakenWhenTheRowsAreGone) {
  uint32_t next = 0;
  {
    const auto index = Open();
    Sync(*index);
    next = index->next_number();
    segments_.all.clear();
    Sync(*index);
  }
  EXPECT_GE(Open()->next_number(), next);
}

}  // namespace
}  // namespace cairn::index_test
