#include "engine/index/neighbours.h"

#include "tests/unit/engine/index/index_fixture.h"

namespace cairn::index_test {
namespace {

// A pack of `frames` frames of ten blobs each, whose numbers begin with `first`.
SegmentPack LongPack(uint64_t n, uint64_t first, uint64_t frames) {
  std::vector<Blobs> all(frames);
  for (uint64_t f = 0; f < frames; ++f) {
    for (uint64_t b = 0; b < 10; ++b) all[f].numbers.push_back(first + f * 10 + b);
  }
  return PackOf(n, all);
}

uint32_t LengthOf(uint64_t blob) { return static_cast<uint32_t>(100 + blob % 1'000'000); }

uint32_t CountAt(Neighbours& neighbours, uint32_t pack, uint32_t frame) {
  return neighbours.NoteFound({.pack = pack, .frame = frame}).count;
}

TEST(Neighbours, ReadsAheadWhereAPackIsAskedForInOrderAndNotAtRandom) {
  Neighbours neighbours(kMiB);
  EXPECT_EQ(CountAt(neighbours, 7, 3), 0u);
  EXPECT_EQ(CountAt(neighbours, 7, 3), 4u);    // 3 to 6
  EXPECT_EQ(CountAt(neighbours, 7, 7), 16u);   // 7 to 22
  EXPECT_EQ(CountAt(neighbours, 7, 25), 64u);  // two were passed over
  EXPECT_EQ(CountAt(neighbours, 7, 89), 64u);
  EXPECT_EQ(CountAt(neighbours, 7, 10), 0u);  // back
  EXPECT_EQ(CountAt(neighbours, 7, 500), 0u);
  EXPECT_EQ(CountAt(neighbours, 7, 501), 4u);
  for (uint32_t pack = 100; pack < 200; ++pack) EXPECT_EQ(CountAt(neighbours, pack, 0), 0u);
  EXPECT_EQ(CountAt(neighbours, 7, 505), 0u);  // so many others later it is a new run
}

TEST(Neighbours, TheOldestGoFirst) {
  Neighbours neighbours(100 * 128);
  for (uint32_t f = 0; f < 20; ++f) neighbours.Put(1, f, LongPack(1, f * 10, 1).frames[0]);
  EXPECT_FALSE(neighbours.Find(Blob(99)));
  const auto kept = neighbours.Find(Blob(100));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->pack, 1u);
  EXPECT_EQ(kept->frame, 10u);
  EXPECT_EQ(kept->length, LengthOf(100));
  neighbours.Clear();
  EXPECT_FALSE(neighbours.Find(Blob(199)));
}

class NeighboursInIndex : public IndexTest {
 protected:
  void AskInOrder(Index& index, uint64_t from, uint64_t to, bool expected = true) {
    for (uint64_t blob = from; blob < to; ++blob) {
      const auto has = index.HasForWriter(Blob(blob), LengthOf(blob));
      ASSERT_TRUE(has) << has.error().message();
      ASSERT_EQ(*has, expected) << blob;
    }
  }
};

TEST_F(NeighboursInIndex, AllAreFoundWithTheirLengthAlone) {
  segments_.Put(1, SegmentOf({LongPack(3, 0, 300), LongPack(4, 5'000, 300)}));
  const auto index = Open();
  Sync(*index);
  AskInOrder(*index, 0, 3'000);
  AskInOrder(*index, 5'000, 8'000);
  AskInOrder(*index, 0, 3'000);
  AskInOrder(*index, 3'000, 3'100, false);
  for (uint64_t blob = 2'000; blob < 3'000; ++blob) EXPECT_FALSE(*index->HasForWriter(Blob(blob), LengthOf(blob) + 1));
}

TEST_F(NeighboursInIndex, WhatIsRememberedCountsNoLongerThanItsPack) {
  segments_.Put(1, SegmentOf({LongPack(3, 0, 100)}));
  const auto index = Open();
  Sync(*index);
  AskInOrder(*index, 0, 1'000);
  index->SetTombstones({Pack(3)});
  AskInOrder(*index, 0, 1'000, false);
  index->SetTombstones({});
  AskInOrder(*index, 0, 1'000);
  segments_.Put(2, SegmentOf({}, {}, {{Pack(3), 50}}));
  Sync(*index);
  AskInOrder(*index, 0, 500);
  AskInOrder(*index, 500, 510, false);
  AskInOrder(*index, 510, 1'000);
  segments_.Put(3, SegmentOf({}, {Pack(3)}));
  Sync(*index);
  AskInOrder(*index, 0, 1'000, false);
}

// The pack's rows are made anew from another segment, with other lengths.
TEST_F(NeighboursInIndex, RowsThatWereReplacedAreNotRemembered) {
  segments_.Put(1, SegmentOf({LongPack(3, 0, 100)}));
  const auto index = Open();
  Sync(*index);
  AskInOrder(*index, 0, 1'000);
  segments_.all.clear();
  segments_.Put(2, SegmentOf({LongPack(3, 1'000, 100)}));
  Sync(*index);
  AskInOrder(*index, 0, 1'000, false);
  AskInOrder(*index, 1'000, 2'000);
}

// SPEC 9: who has the bytes knows the length.
TEST_F(NeighboursInIndex, OfTwoLengthsTheOneOfTheBytesCounts) {
  segments_.Put(1, SegmentOf({PackOf(3, {{{10}}}), PackOf(5, {{{10}, 999}})}));
  const auto index = Open();
  Sync(*index);
  EXPECT_TRUE(*index->HasForWriter(Blob(10), LengthOf(10)));
  EXPECT_TRUE(*index->HasForWriter(Blob(10), 999));
  EXPECT_FALSE(*index->HasForWriter(Blob(10), 998));
  EXPECT_FALSE(*index->HasForWriter(Blob(10), std::nullopt));
  index->SetTombstones({Pack(3)});
  EXPECT_FALSE(*index->HasForWriter(Blob(10), LengthOf(10)));
}

}  // namespace
}  // namespace cairn::index_test
