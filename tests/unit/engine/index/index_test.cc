// What is found where, for one process and one copy.
#include "engine/index/index.h"

#include <thread>

#include "tests/unit/engine/index/index_fixture.h"

namespace cairn::index_test {
namespace {

using Numbers = std::vector<uint64_t>;

TEST_F(IndexTest, FindsNothingBeforeTheFirstSync) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}})}));
  Sync(*Open());
  const auto index = Open();
  EXPECT_EQ(PacksOf(*index, 10), Numbers{});
  EXPECT_FALSE(HasForWriter(*index, 10));
  EXPECT_EQ(index->blob_count(), 0u);
}

TEST_F(IndexTest, LocationHasAllThatIsNeededToRead) {
  SegmentPack pack = PackOf(1, {{{10, 11}}, {{12, 13, 14}}});
  segments_.Put(1, SegmentOf({pack}, {}, {}, 5));
  const auto index = Open();
  Sync(*index);
  const auto found = index->Find(Blob(14));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 1u);
  const BlobLocation& place = found->front();
  EXPECT_EQ(place.pack.name, Pack(1));
  EXPECT_EQ(place.pack.kind, BlobKind::kData);
  EXPECT_EQ(place.pack.size, 10'001u);
  EXPECT_EQ(place.pack.frame_count, 2u);
  EXPECT_EQ(place.pack.blob_count, 5u);
  EXPECT_EQ(place.frame_number, 1u);
  EXPECT_EQ(place.frame_offset, ObjectHeader::kSize + 102);
  EXPECT_EQ(*place.frame, pack.frames[1]);
  EXPECT_EQ(place.session.session, Session(5));
  EXPECT_EQ(place.session.envelope, EnvelopeOf(10));
  EXPECT_EQ(place.blob_number, 2u);
  EXPECT_EQ(place.blob_offset, 112u + 113u);
  EXPECT_EQ(place.length, 114u);
  EXPECT_FALSE(place.retired);
  EXPECT_TRUE(*index->HasForWriter(Blob(14), 114));
  EXPECT_FALSE(*index->HasForWriter(Blob(14), 115));
}

TEST_F(IndexTest, EnvelopeIsThatOfThePacksKind) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}}, BlobKind::kMetadata), PackOf(2, {{{11}}})}, {}, {}, 3));
  const auto index = Open();
  Sync(*index);
  EXPECT_EQ(index->Find(Blob(10))->front().session.envelope, EnvelopeOf(7));
  EXPECT_EQ(index->Find(Blob(11))->front().session.envelope, EnvelopeOf(6));
}

TEST_F(IndexTest, FramesOfAPackHaveTheirOwnSessions) {
  IndexSegment segment = SegmentOf({PackOf(1, {{{1}}, {{2}}, {{3}}})});
  for (const uint64_t n : {2, 3}) {
    segment.sessions.push_back({.session = Session(n), .epoch = 1, .content = EnvelopeOf(n * 2)});
  }
  segment.packs[0].frames[0].session = 2;
  segment.packs[0].frames[2].session = 1;
  segments_.Put(1, segment);
  const auto index = Open();
  Sync(*index);
  EXPECT_EQ(index->Find(Blob(1))->front().session.session, Session(3));
  EXPECT_EQ(index->Find(Blob(2))->front().session.session, Session(1));
  EXPECT_EQ(index->Find(Blob(3))->front().session.session, Session(2));
  const auto frames = index->Frames(index->FindPack(Pack(1))->number);
  ASSERT_TRUE(frames);
  EXPECT_EQ((*frames)[2].session.session, Session(2));
  EXPECT_EQ((*frames)[2].offset, ObjectHeader::kSize + 202);
}

TEST_F(IndexTest, PaddingFrameIsListedAndHoldsNothing) {
  SegmentPack pack = PackOf(1, {{{10}}});
  pack.frames.push_back({.sealed_length = 700, .codec = Codec::kPadding});
  segments_.Put(1, SegmentOf({pack}));
  const auto index = Open();
  Sync(*index);
  const auto found = index->FindPack(Pack(1));
  EXPECT_EQ(found->frame_count, 2u);
  EXPECT_EQ(found->blob_count, 1u);
  const auto frames = index->Frames(found->number);
  ASSERT_TRUE(frames);
  EXPECT_EQ(frames->back().entry->codec, Codec::kPadding);
}

TEST_F(IndexTest, PrefersTheSmallestPackName) {
  segments_.Put(1, SegmentOf({PackOf(7, {{{10}}}), PackOf(3, {{{10}}})}));
  segments_.Put(2, SegmentOf({PackOf(5, {{{10}}})}));
  const auto index = Open();
  Sync(*index);
  EXPECT_EQ(PacksOf(*index, 10), (Numbers{3, 5, 7}));
}

TEST_F(IndexTest, TombstonedPacksComeLast) {
  segments_.Put(1, SegmentOf({PackOf(3, {{{10}}}), PackOf(5, {{{10}}}), PackOf(7, {{{10}}})}));
  const auto index = Open();
  index->SetTombstones({Pack(3)});  // before the pack is known
  Sync(*index);
  EXPECT_EQ(PacksOf(*index, 10), (Numbers{5, 7, 3}));
  EXPECT_TRUE(index->FindPack(Pack(3))->tombstoned);
  EXPECT_TRUE(HasForWriter(*index, 10));
  index->SetTombstones({Pack(5), Pack(7)});
  EXPECT_EQ(PacksOf(*index, 10), (Numbers{3, 5, 7}));
}

TEST_F(IndexTest, WriterDoesNotSeeWhatIsOnlyTombstoned) {
  segments_.Put(1, SegmentOf({PackOf(3, {{{10}}}), PackOf(5, {{{10, 11}}})}));
  const auto index = Open();
  Sync(*index);
  index->SetTombstones({Pack(3), Pack(5)});
  EXPECT_FALSE(HasForWriter(*index, 10));
  EXPECT_FALSE(HasForWriter(*index, 11));
  EXPECT_EQ(PacksOf(*index, 11), Numbers{5});  // a reader does
  index->SetTombstones({});
  EXPECT_TRUE(HasForWriter(*index, 10));
}

TEST_F(IndexTest, WriterDoesNotSeeWhatIsOnlyInRetiredFrames) {
  segments_.Put(1, SegmentOf({PackOf(3, {{{10}}, {{11}}}), PackOf(5, {{{11}}})}));
  segments_.Put(2, SegmentOf({}, {}, {{Pack(3), 0}, {Pack(3), 1}, {Pack(99), 0}}));
  const auto index = Open();
  Sync(*index);
  EXPECT_FALSE(HasForWriter(*index, 10));
  EXPECT_TRUE(index->Find(Blob(10))->front().retired);
  EXPECT_TRUE(HasForWriter(*index, 11));
  EXPECT_EQ(PacksOf(*index, 11), (Numbers{5, 3}));
  EXPECT_TRUE((*index->Frames(index->FindPack(Pack(3))->number))[1].retired);
  segments_.all.erase(Segment(2));
  Sync(*index);
  EXPECT_TRUE(HasForWriter(*index, 10));
}

TEST_F(IndexTest, WriterTakesOnePlaceTombstonedAndOneRetiredForAbsent) {
  segments_.Put(1, SegmentOf({PackOf(3, {{{10}}}), PackOf(5, {{{10}}})}, {}, {{Pack(5), 0}}));
  const auto index = Open();
  Sync(*index);
  index->SetTombstones({Pack(3)});
  EXPECT_FALSE(HasForWriter(*index, 10));
}

TEST_F(IndexTest, LengthsThatDifferAreNotPresentForAWriter) {
  segments_.Put(1, SegmentOf({PackOf(3, {{{10}}}), PackOf(5, {{{10}, 999}})}));
  segments_.Put(2, SegmentOf({}, {Pack(5)}));
  const auto index = Open();
  ASSERT_TRUE(SyncTo(*index, {Segment(1)}));
  EXPECT_FALSE(HasForWriter(*index, 10));
  EXPECT_EQ(PacksOf(*index, 10), (Numbers{3, 5}));
  index->SetTombstones({Pack(5)});
  EXPECT_FALSE(HasForWriter(*index, 10));
  Sync(*index);  // the liar is removed
  EXPECT_TRUE(HasForWriter(*index, 10));
}

TEST_F(IndexTest, AddedPackIsFoundAtOnce) {
  const auto index = Open();
  Sync(*index);
  ASSERT_TRUE(index->AddPack(PackOf(1, {{{10}}, {{11}}}), SessionsForAdd()));
  EXPECT_TRUE(HasForWriter(*index, 11));
  EXPECT_EQ(PacksOf(*index, 10), Numbers{1});
  EXPECT_EQ(PackNumbers(*index), Numbers{1});
  EXPECT_EQ(index->blob_count(), 2u);
}

TEST_F(IndexTest, AddedPackStaysUntilASegmentNamesIt) {
  const auto index = Open();
  ASSERT_TRUE(index->AddPack(PackOf(1, {{{10}}}), SessionsForAdd()));
  segments_.Put(1, SegmentOf({PackOf(2, {{{11}}})}));
  Sync(*index);
  EXPECT_TRUE(HasForWriter(*index, 10));
  segments_.Put(2, SegmentOf({PackOf(1, {{{10}}})}));
  Sync(*index);
  EXPECT_TRUE(HasForWriter(*index, 10));
  segments_.all.erase(Segment(2));  // from now on the listings decide
  Sync(*index);
  EXPECT_FALSE(HasForWriter(*index, 10));
  EXPECT_EQ(PackNumbers(*index), Numbers{2});
}

TEST_F(IndexTest, AddedPackGoesWhenASegmentRemovesIt) {
  const auto index = Open();
  ASSERT_TRUE(index->AddPack(PackOf(1, {{{10}}}), SessionsForAdd()));
  segments_.Put(1, SegmentOf({}, {Pack(1)}));
  Sync(*index);
  EXPECT_FALSE(HasForWriter(*index, 10));
  EXPECT_FALSE(index->FindPack(Pack(1)));
}

TEST_F(IndexTest, DroppedAddedPacksAreForgotten) {
  const auto index = Open();
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}})}));
  ASSERT_TRUE(index->AddPack(PackOf(1, {{{10}}}), SessionsForAdd()));
  ASSERT_TRUE(index->AddPack(PackOf(2, {{{11}}}), SessionsForAdd()));
  Sync(*index);
  index->DropAddedPacks();
  EXPECT_TRUE(HasForWriter(*index, 10));  // a segment names it
  EXPECT_FALSE(HasForWriter(*index, 11));
  Sync(*index);
  EXPECT_FALSE(HasForWriter(*index, 11));
}

TEST_F(IndexTest, AddedPackDoesNotOutliveTheProcess) {
  {
    const auto index = Open();
    ASSERT_TRUE(index->AddPack(PackOf(1, {{{10}}}), SessionsForAdd()));
  }
  const auto index = Open();
  Sync(*index);
  EXPECT_FALSE(HasForWriter(*index, 10));
  EXPECT_EQ(PackNumbers(*index), Numbers{});
}

TEST_F(IndexTest, AddedPackMayBeTombstonedBefore) {
  const auto index = Open();
  index->SetTombstones({Pack(1)});
  ASSERT_TRUE(index->AddPack(PackOf(1, {{{10}}}), SessionsForAdd()));
  EXPECT_FALSE(HasForWriter(*index, 10));
}

TEST_F(IndexTest, WalkIsSortedAndComplete) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10, 11, 12}}, {{13}}}), PackOf(2, {{{11, 20}}}, BlobKind::kData)}));
  segments_.Put(2, SegmentOf({PackOf(3, {{{11, 30}}}), PackOf(4, {{{40}}}, BlobKind::kMetadata)}, {Pack(9)}));
  segments_.Put(3, SegmentOf({PackOf(9, {{{11, 90}}})}));
  const auto index = Open();
  Sync(*index);
  ASSERT_TRUE(index->AddPack(PackOf(5, {{{13, 50}}}), SessionsForAdd()));
  index->SetTombstones({Pack(1)});

  std::map<BlobId, Numbers> walked;
  std::optional<BlobId> last;
  ASSERT_TRUE(index->ForEachBlob([&](const BlobId& id, BlobKind kind, std::span<const BlobPlace> places) {
    EXPECT_TRUE(!last || *last < id);
    last = id;
    EXPECT_EQ(kind, id == Blob(40) ? BlobKind::kMetadata : BlobKind::kData);
    for (const BlobPlace& place : places) {
      for (const IndexedPack& pack : index->Packs()) {
        if (pack.number == place.pack) walked[id].push_back(NumberOf(pack.name));
      }
    }
    return Result<void>();
  }));
  const std::map<BlobId, Numbers> expected{{Blob(10), {1}}, {Blob(11), {2, 3, 1}}, {Blob(12), {1}}, {Blob(13), {5, 1}},
                                           {Blob(20), {2}}, {Blob(30), {3}},       {Blob(40), {4}}, {Blob(50), {5}}};
  EXPECT_EQ(walked, expected);
}

TEST_F(IndexTest, WalkStopsAtTheFirstErrorAndTheCopyIsNotBlamed) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10, 11, 12}}})}));
  const auto index = Open();
  Sync(*index);
  int calls = 0;
  const auto walked = index->ForEachBlob([&](const BlobId&, BlobKind, std::span<const BlobPlace>) -> Result<void> {
    ++calls;
    return Corrupt("a pack that the caller read");
  });
  EXPECT_EQ(walked.error().code(), ErrorCode::kCorrupt);
  EXPECT_EQ(calls, 1);
  segments_.loads = 0;
  Sync(*index);
  EXPECT_EQ(segments_.loads, 0);
}

TEST_F(IndexTest, APackThatWasTakenOutCannotBeAdded) {
  segments_.Put(1, SegmentOf({}, {Pack(1)}));
  const auto index = Open();
  Sync(*index);
  const auto added = index->AddPack(PackOf(1, {{{10}}}), SessionsForAdd());
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(HasForWriter(*index, 10));
}

// Packs come and go by listings while others look and add: what was found has all that is needed to read it.
TEST_F(IndexTest, LookUpsAndAddsMayOverlapASync) {
  const auto index = Open();
  constexpr uint64_t kPacks = 40;
  for (uint64_t n = 0; n < kPacks; ++n) {
    segments_.Put(n, SegmentOf({PackOf(n, {{{n}}})}, {}, {{Pack(n), 0}}));
  }
  const std::vector<SegmentId> all = segments_.Listing();
  Sync(*index);
  std::atomic<bool> done = false;
  std::vector<std::jthread> others;
  others.emplace_back([&] {
    for (uint64_t n = kPacks; !done; ++n) {
      EXPECT_TRUE(index->AddPack(PackOf(n, {{{n}}}), SessionsForAdd()));
      EXPECT_TRUE(HasForWriter(*index, n));
    }
  });
  others.emplace_back([&] {
    while (!done) {
      for (uint64_t n = 0; n < kPacks; ++n) {
        const auto found = index->Find(Blob(n));
        EXPECT_TRUE(found) << found.error().message();
        EXPECT_FALSE(HasForWriter(*index, n));  // its frame is retired, or it is gone
      }
    }
  });
  for (int round = 0; round < 30; ++round) {
    std::vector<SegmentId> listing(all.begin() + round % 7, all.end() - round % 5);
    EXPECT_TRUE(SyncTo(*index, listing));
  }
  done = true;
}

// A look-up's iterator is kept for the next: it must not keep what it saw.
TEST_F(IndexTest, ALookUpSeesWhatCameBehindTheOneBefore) {
  segments_.Put(1, SegmentOf({PackOf(1, {{{10}}})}));
  const auto index = Open();
  Sync(*index);
  EXPECT_FALSE(HasForWriter(*index, 20));
  ASSERT_TRUE(index->AddPack(PackOf(2, {{{20}}}), SessionsForAdd()));
  EXPECT_TRUE(HasForWriter(*index, 20));
  EXPECT_FALSE(HasForWriter(*index, 30));
  ASSERT_TRUE(index->Flush());
  EXPECT_TRUE(HasForWriter(*index, 20));
  ASSERT_TRUE(index->AddPack(PackOf(3, {{{30}}}), SessionsForAdd()));
  EXPECT_TRUE(HasForWriter(*index, 30));
  EXPECT_EQ(PacksOf(*index, 10), Numbers{1});
}

// Many segments come as files of rows, beside who looks up.
TEST_F(IndexTest, ALookUpSeesWhatCameInFilesMeanwhile) {
  constexpr uint64_t kSegments = 20, kBlobs = 50;
  const auto index = Open();
  Sync(*index);
  std::atomic<bool> done = false;
  std::jthread finder([&] {
    while (!done) EXPECT_LE(PacksOf(*index, kBlobs).size(), 1u);
  });
  for (uint64_t first = 0; first < 2 * kSegments; first += kSegments) {
    for (uint64_t n = first; n < first + kSegments; ++n) {
      Blobs blobs;
      for (uint64_t b = 0; b < kBlobs; ++b) blobs.numbers.push_back(n * kBlobs + b);
      segments_.Put(n, SegmentOf({PackOf(n, {blobs})}));
    }
    Sync(*index);
    for (uint64_t b = 0; b < (first + kSegments) * kBlobs; ++b) {
      EXPECT_EQ(PacksOf(*index, b), Numbers{b / kBlobs}) << b;
    }
  }
  done = true;
}

// What is kept of it must not hold what was written back, either: more rows than memory, with look-ups all the while.
TEST_F(IndexTest, ALookUpSeesWhatWasWrittenToDiskMeanwhile) {
  const auto index = Open(/*memory_bytes=*/256 * kKiB);
  Sync(*index);
  constexpr uint64_t kPacks = 300, kBlobs = 200;
  for (uint64_t n = 0; n < kPacks; ++n) {
    Blobs blobs;
    for (uint64_t b = 0; b < kBlobs; ++b) blobs.numbers.push_back(n * kBlobs + b);
    EXPECT_FALSE(HasForWriter(*index, n * kBlobs + n % kBlobs));
    ASSERT_TRUE(index->AddPack(PackOf(n, {blobs}), SessionsForAdd()));
    EXPECT_TRUE(HasForWriter(*index, n * kBlobs + n % kBlobs));
    EXPECT_TRUE(HasForWriter(*index, n / 2 * kBlobs + 7));
  }
  for (uint64_t n = 0; n < kPacks * kBlobs; n += 97) EXPECT_EQ(PacksOf(*index, n), Numbers{n / kBlobs});
}

TEST_F(IndexTest, LookUpsAndAddsMayOverlap) {
  const auto index = Open();
  Sync(*index);
  constexpr uint64_t kPacks = 200;
  std::atomic<uint64_t> added = 0;
  std::jthread adder([&] {
    for (uint64_t n = 0; n < kPacks; ++n) {
      const auto done = index->AddPack(PackOf(n, {{{n * 2, n * 2 + 1}}}), SessionsForAdd());
      EXPECT_TRUE(done);
      added = n + 1;
    }
  });
  std::vector<std::jthread> finders;
  for (int t = 0; t < 2; ++t) {
    finders.emplace_back([&] {
      while (added < kPacks) {
        const uint64_t n = added;
        if (n == 0) continue;
        EXPECT_TRUE(HasForWriter(*index, n * 2 - 1));
        EXPECT_EQ(PacksOf(*index, n * 2 - 2), Numbers{n - 1});
      }
    });
  }
}

}  // namespace
}  // namespace cairn::index_test
