// The index is the union of the packs of all segments of one listing, less what they remove; the copy is only a hint.
#include <numeric>
#include <random>

#include "tests/unit/engine/index/index_fixture.h"

namespace cairn::index_test {
namespace {

using Numbers = std::vector<uint64_t>;

TEST_F(IndexTest, RemovedCountsInAnyOrderOfSegments) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}}), PackOf(2, {{{11}}})}));
  segments_.Put(2, SegmentOf({}, {Pack(1)}));
  for (const std::vector<uint64_t>& steps : {std::vector<uint64_t>{1, 2}, {2, 1}}) {
    std::filesystem::remove_all(folder_ + "/index");
    const auto index = Open();
    ASSERT_TRUE(SyncTo(*index, {Segment(steps[0])}));
    Sync(*index);
    EXPECT_EQ(PackNumbers(*index), Numbers{2});
    EXPECT_EQ(PacksOf(*index, 10), Numbers{});
    EXPECT_EQ(index->Removed(), (std::vector<std::pair<PackName, SegmentId>>{{Pack(1), Segment(2)}}));
  }
}

TEST_F(IndexTest, MergedSegmentBesideWhatItReplaces) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}})}, {Pack(8)}, {}, 1));
  segments_.Put(2, SegmentOf({PackOf(2, {{{11}}})}, {}, {}, 2));
  const auto index = Open();
  Sync(*index);
  IndexSegment merged = SegmentOf({PackOf(1, {{{10}}}), PackOf(2, {{{11}}}, BlobKind::kData, 1)}, {Pack(8)});
  merged.level = 1;
  merged.covers = {Segment(1), Segment(2)};
  merged.sessions.push_back({.session = Session(2), .epoch = 1, .content = EnvelopeOf(4)});
  segments_.Put(3, merged);
  segments_.Put(4, merged);  // merged twice
  Sync(*index);
  EXPECT_EQ(PackNumbers(*index), (Numbers{1, 2}));
  EXPECT_EQ(PacksOf(*index, 11), Numbers{2});
  EXPECT_EQ(index->blob_count(), 2u);
  EXPECT_EQ(index->Removed().size(), 3u);
  segments_.all.erase(Segment(1));
  segments_.all.erase(Segment(2));
  segments_.all.erase(Segment(3));
  Sync(*index);
  EXPECT_EQ(PackNumbers(*index), (Numbers{1, 2}));
  EXPECT_EQ(index->Find(Blob(11))->front().session.session, Session(2));
}

TEST_F(IndexTest, WhatThisProcessHasPutIsNotFetched) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}})}));
  auto index = Open();
  Sync(*index);
  ASSERT_TRUE(index->AddPack(PackOf(2, {{{20}}}), SessionsForAdd()));
  segments_.Put(2, SegmentOf({PackOf(2, {{{20}}})}));
  ASSERT_TRUE(index->AddSegment(Segment(2), segments_.all.at(Segment(2))));
  // One of a pack that this process has not added is fetched.
  segments_.Put(3, SegmentOf({PackOf(3, {{{30}}})}));
  ASSERT_TRUE(index->AddSegment(Segment(3), segments_.all.at(Segment(3))));
  segments_.loads = 0;
  Sync(*index);
  EXPECT_EQ(segments_.loads, 1);
  EXPECT_EQ(AllOf(*index), Expected(segments_, segments_.Listing()));
  index = nullptr;
  index = Open();
  Sync(*index);
  EXPECT_EQ(segments_.loads, 1);
  EXPECT_EQ(AllOf(*index), Expected(segments_, segments_.Listing()));
  segments_.all.erase(Segment(2));
  Sync(*index);
  EXPECT_EQ(PackNumbers(*index), (Numbers{1, 3}));
}

// Another's entry for a pack of this process came in between: the two are told apart, as where both are fetched.
TEST_F(IndexTest, WhatThisProcessHasPutDoesNotVouchForAnothersEntry) {
  const auto index = Open();
  Sync(*index);
  ASSERT_TRUE(index->AddPack(PackOf(2, {{{20}}}), SessionsForAdd()));
  segments_.Put(1, SegmentOf({PackOf(2, {{{21}}})}));
  Sync(*index);
  segments_.Put(2, SegmentOf({PackOf(2, {{{20}}})}));
  ASSERT_TRUE(index->AddSegment(Segment(2), segments_.all.at(Segment(2))));
  Sync(*index);
  ASSERT_TRUE(index->FindPack(Pack(2)));
  EXPECT_TRUE(index->FindPack(Pack(2))->disputed);
  EXPECT_FALSE(HasForWriter(*index, 21));
}

TEST_F(IndexTest, SharesOfAllIdsAreTheWhole) {
  std::vector<uint64_t> numbers(500);
  std::iota(numbers.begin(), numbers.end(), 1);
  segments_.Put(1, SegmentOf({PackOf(1, {{numbers}}), PackOf(2, {{{7, 8}}})}));
  const auto index = Open();
  Sync(*index);
  for (const uint32_t parts : {1U, 2U, 3U, 7U, 1'000U}) {
    std::vector<BlobId> ids;
    for (uint32_t n = 0; n < parts; ++n) {
      ASSERT_TRUE(index->ForEachBlobOf({n, parts}, [&](const BlobId& id, BlobKind, std::span<const BlobPlace> places) {
        EXPECT_EQ(places.size(), id == Blob(7) || id == Blob(8) ? 2u : 1u);
        ids.push_back(id);
        return Result<void>();
      }));
    }
    EXPECT_EQ(ids.size(), 500u) << parts;
    EXPECT_TRUE(std::ranges::is_sorted(ids)) << parts;
  }
}

TEST_F(IndexTest, SegmentThatWentMeansListAgain) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}})}));
  const auto index = Open();
  Sync(*index);
  segments_.Put(3, SegmentOf({PackOf(3, {{{30}}})}));
  auto listing = segments_.Listing();
  listing.push_back(Segment(2));
  const auto result = SyncTo(*index, listing);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kBusy);
  EXPECT_TRUE(HasForWriter(*index, 10));  // what counted counts on
  Sync(*index);
  EXPECT_EQ(PackNumbers(*index), (Numbers{1, 3}));
}

TEST_F(IndexTest, OtherErrorsOfLoadAreGivenOn) {
  const auto index = Open();
  JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, Limits()};
  const auto result = index->Sync(
      {Segment(1)},
      [](const SegmentId&) -> Result<IndexSegment> { return MakeError(ErrorCode::kForged, "signed by nobody"); },
      context);
  EXPECT_EQ(result.error().code(), ErrorCode::kForged);
}

TEST_F(IndexTest, SegmentWhoseSessionLacksTheEnvelopeIsCorrupt) {
  IndexSegment segment = SegmentOf({PackOf(1, {{{10}}}, BlobKind::kMetadata)});
  segment.sessions[0].metadata.reset();
  segments_.Put(1, segment);
  const auto index = Open();
  EXPECT_EQ(SyncTo(*index, {Segment(1)}).error().code(), ErrorCode::kCorrupt);
}

TEST_F(IndexTest, StopInTheMiddleIsInterrupted) {
  for (uint64_t n = 0; n < 20; ++n) segments_.Put(n, SegmentOf({PackOf(n, {{{n}}})}));
  const auto index = Open();
  stop_.request_stop();
  EXPECT_EQ(SyncTo(*index, segments_.Listing()).error().code(), ErrorCode::kInterrupted);
  stop_ = std::stop_source();
  Sync(*index);
  EXPECT_EQ(index->Packs().size(), 20u);
}

TEST_F(IndexTest, RestartKeepsTheCopy) {
  for (uint64_t n = 0; n < 5; ++n) segments_.Put(n, SegmentOf({PackOf(n, {{{n}}})}, {Pack(100 + n)}));
  Sync(*Open());
  EXPECT_EQ(segments_.loads, 5);
  segments_.Put(5, SegmentOf({PackOf(5, {{{5}}})}, {}, {{Pack(2), 0}}));
  {
    const auto index = Open();
    Sync(*index);
    EXPECT_EQ(segments_.loads, 6);
    EXPECT_EQ(PackNumbers(*index), (Numbers{0, 1, 2, 3, 4, 5}));
  }
  const auto index = Open();
  Sync(*index);
  Sync(*index);
  EXPECT_EQ(segments_.loads, 6);
  EXPECT_FALSE(HasForWriter(*index, 2));  // retired, from the copy
  EXPECT_EQ(PacksOf(*index, 2), Numbers{2});
  EXPECT_EQ(index->Removed().size(), 5u);
}

TEST_F(IndexTest, SegmentThatIsNoLongerListedDoesNotCount) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}}), PackOf(2, {{{11}}})}));
  segments_.Put(2, SegmentOf({PackOf(2, {{{11}}}), PackOf(3, {{{12}}})}));
  const auto index = Open();
  Sync(*index);
  ASSERT_TRUE(SyncTo(*index, {Segment(2)}));
  EXPECT_EQ(PackNumbers(*index), (Numbers{2, 3}));
  EXPECT_FALSE(HasForWriter(*index, 10));
  ASSERT_TRUE(SyncTo(*index, {}));
  EXPECT_EQ(PackNumbers(*index), Numbers{});
  EXPECT_EQ(AllOf(*index), Everything{});
}

TEST_F(IndexTest, PackCountsAgainWhenItsRemovalIsNotListed) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}}), PackOf(2, {{{11}}})}));
  segments_.Put(2, SegmentOf({}, {Pack(1)}));
  const auto index = Open();
  Sync(*index);
  EXPECT_EQ(PackNumbers(*index), Numbers{2});
  ASSERT_TRUE(SyncTo(*index, {Segment(1)}));  // its rows went, so the segment is read again
  EXPECT_EQ(PackNumbers(*index), (Numbers{1, 2}));
  EXPECT_EQ(PacksOf(*index, 10), Numbers{1});
}

TEST_F(IndexTest, NumbersOfPacksAreNotUsedAgain) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}})}));
  const auto index = Open();
  Sync(*index);
  const uint32_t number = index->FindPack(Pack(1))->number;
  ASSERT_TRUE(SyncTo(*index, {}));
  EXPECT_FALSE(index->Frames(number));
  segments_.all.clear();
  segments_.Put(2, SegmentOf({PackOf(2, {{{20}}})}));
  Sync(*index);
  EXPECT_NE(index->FindPack(Pack(2))->number, number);
}

// A segment that says something false of a pack (who could write has put it) and is replaced by one that says what is
// true: nothing of the false one may stay in any machine's copy, whenever it saw which.
TEST_F(IndexTest, WhatAReplacedSegmentSaidOfAPackIsForgotten) {
  const IndexSegment wrong = SegmentOf({PackOf(1, {{{10, 66}}}), PackOf(2, {{{20}}})});
  const IndexSegment right = SegmentOf({PackOf(1, {{{10, 11}}}), PackOf(2, {{{20}}})});
  for (const bool saw_both : {false, true}) {
    for (const uint64_t number_of_right : {0, 9}) {  // whichever of the two is loaded first
      SCOPED_TRACE(fmt::format("saw both: {}, right one is number {}", saw_both, number_of_right));
      std::filesystem::remove_all(folder_ + "/index");
      segments_.all.clear();
      segments_.Put(5, wrong);
      auto index = Open();
      Sync(*index);
      EXPECT_TRUE(HasForWriter(*index, 66));
      segments_.Put(number_of_right, right);
      if (saw_both) {
        Sync(*index);
        index = nullptr;  // nor does it matter whether the process that goes on is another
        index = Open();
        Sync(*index);
        // Nobody knows which of the two is true: a writer stores it again.
        EXPECT_FALSE(HasForWriter(*index, 10));
        EXPECT_FALSE(HasForWriter(*index, 66));
        EXPECT_TRUE(HasForWriter(*index, 20));
        EXPECT_EQ(PacksOf(*index, 10), Numbers{1});
      }
      segments_.all.erase(Segment(5));
      Sync(*index);
      EXPECT_FALSE(HasForWriter(*index, 66));
      EXPECT_TRUE(HasForWriter(*index, 10));
      EXPECT_TRUE(HasForWriter(*index, 11));
      EXPECT_TRUE(HasForWriter(*index, 20));
      EXPECT_EQ(AllOf(*index), Expected(segments_, segments_.Listing()));
    }
  }
}

TEST_F(IndexTest, ASegmentThatIsReadAgainForOnePackLeavesTheOthersAsTheyAre) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}}), PackOf(2, {{{20}}})}));
  segments_.Put(2, SegmentOf({PackOf(2, {{{21}}})}));
  segments_.Put(3, SegmentOf({}, {Pack(1)}));
  const auto index = Open();
  Sync(*index);
  segments_.all.erase(Segment(3));  // pack 1 counts again, and its segment is read again
  Sync(*index);
  EXPECT_EQ(PackNumbers(*index), (Numbers{1, 2}));
  EXPECT_EQ(PacksOf(*index, 10), Numbers{1});
}

TEST_F(IndexTest, WhatEnvelopeOpensAPackIsPartOfWhatASegmentSays) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}})}, {}, {}, 7));
  const auto index = Open();
  Sync(*index);
  segments_.all.clear();
  segments_.Put(2, SegmentOf({PackOf(1, {{{10}}})}, {}, {}, 8));
  Sync(*index);
  const auto found = index->Find(Blob(10));
  ASSERT_TRUE(found && found->size() == 1);
  EXPECT_EQ(found->front().session.session, Session(8));
}

TEST_F(IndexTest, AnythingThatAWriterMayNoLongerCountOnBeginsAGeneration) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}}), PackOf(2, {{{20}}})}));
  auto index = Open();
  Sync(*index);
  const IndexGeneration first = index->generation();
  Sync(*index);
  index = nullptr;
  index = Open();
  Sync(*index);
  EXPECT_EQ(index->generation(), first);
  segments_.Put(2, SegmentOf({PackOf(3, {{{30}}})}));
  Sync(*index);
  EXPECT_EQ(index->generation(), first) << "more is no loss";
  segments_.Put(3, SegmentOf({}, {Pack(1)}));
  Sync(*index);
  const IndexGeneration second = index->generation();
  EXPECT_NE(second, first) << "a pack was taken out";
  segments_.Put(4, SegmentOf({}, {}, {{Pack(2), 0}}));
  Sync(*index);
  const IndexGeneration third = index->generation();
  EXPECT_NE(third, second) << "a frame was retired";
  ASSERT_TRUE(index->AddPack(PackOf(5, {{{50}}}), SessionsForAdd()));
  ASSERT_TRUE(index->Flush());
  index = nullptr;
  index = Open();
  EXPECT_EQ(index->generation(), third);
  Sync(*index);
  EXPECT_NE(index->generation(), third) << "what was put has no segment any more";
}

// Random segments, random listings, restarts, adds: always what the definition says.
TEST_F(IndexTest, RandomListingsGiveWhatTheDefinitionSays) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  const auto below = [&](uint64_t bound) { return random() % bound; };
  std::map<uint64_t, SegmentPack> packs;
  for (uint64_t n = 0; n < 24; ++n) {
    std::vector<Blobs> frames(1 + below(3));
    std::set<uint64_t> used;
    for (Blobs& frame : frames) {
      while (frame.numbers.empty() || below(3) != 0) {
        const uint64_t blob = below(60);
        if (used.insert(blob).second) frame.numbers.push_back(blob);
      }
    }
    packs[n] = PackOf(n, frames);
  }
  for (uint64_t n = 0; n < 16; ++n) {
    std::vector<SegmentPack> named;
    std::set<PackName> removed;
    for (const auto& [number, pack] : packs) {
      if (below(6) == 0) named.push_back(pack);
      if (below(40) == 0) removed.insert(pack.name);
    }
    segments_.Put(n, SegmentOf(named, {removed.begin(), removed.end()}));
  }
  auto index = Open(kMiB);
  for (int step = 0; step < 60; ++step) {
    SCOPED_TRACE(fmt::format("step {}", step));
    std::vector<SegmentId> listing;
    const uint64_t density = 1 + below(4);
    for (const SegmentId& id : segments_.Listing()) {
      if (below(density) == 0) listing.push_back(id);
    }
    std::shuffle(listing.begin(), listing.end(), random);
    ASSERT_TRUE(SyncTo(*index, listing));
    const Everything expected = Expected(segments_, listing);
    ASSERT_EQ(AllOf(*index), expected);
    for (uint64_t blob = 0; blob < 60; ++blob) {
      const auto places = expected.find(Blob(blob));
      ASSERT_EQ(PacksOf(*index, blob).size(), places == expected.end() ? 0 : places->second.size());
      ASSERT_EQ(HasForWriter(*index, blob), places != expected.end());
    }
    if (below(8) == 0) {
      index = nullptr;
      index = Open(kMiB);
    }
  }
}

}  // namespace
}  // namespace cairn::index_test
