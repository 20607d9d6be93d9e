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

uint32_t FramesAt(Neighbours& neighbours, uint32_t pack, uint32_t frame, uint32_t blob) {
  return neighbours.NoteFound({.pack = pack, .frame = frame, .blob = blob}).frames;
}
// All that a step asks for.
void PutStep(Neighbours& neighbours, const SegmentPack& pack, uint32_t number, const BlobPlace& place,
             Neighbours::Step step) {
  for (uint32_t f = place.frame; f < std::min<size_t>(place.frame + step.frames, pack.frames.size()); ++f) {
    if (!neighbours.Put(number, f, pack.frames[f], f == place.frame ? place.blob : 0, step)) return;
  }
}

TEST(Neighbours, ReadsAheadWhereAPackIsAskedForInOrderAndNotAtRandom) {
  Neighbours neighbours(64 * kMiB);
  const SegmentPack pack = LongPack(7, 0, 600);
  const auto ask = [&](uint32_t frame, uint32_t blob) {
    const BlobPlace place{.pack = 7, .frame = frame, .blob = blob};
    const auto step = neighbours.NoteFound(place);
    PutStep(neighbours, pack, 7, place, step);
    return step.frames;
  };
  EXPECT_EQ(ask(3, 0), 0u);
  EXPECT_EQ(ask(3, 1), 4u);    // 3 to 6
  EXPECT_EQ(ask(7, 0), 16u);   // 7 to 22
  EXPECT_EQ(ask(25, 0), 64u);  // two were passed over
  EXPECT_EQ(ask(89, 0), 64u);
  EXPECT_EQ(ask(10, 0), 0u);  // back
  EXPECT_EQ(ask(500, 0), 0u);
  EXPECT_EQ(ask(500, 1), 4u);
  for (uint32_t other = 100; other < 200; ++other) EXPECT_EQ(FramesAt(neighbours, other, 0, 0), 0u);
  EXPECT_EQ(ask(504, 0), 0u);  // so many others later it is a new run
}

TEST(Neighbours, AStepHasNoMoreBlobsThanItsShareEvenWithinAFrame) {
  constexpr size_t kBlobs = 2 * 64 * 10;  // ten for each run
  Neighbours neighbours(kBlobs * Neighbours::kBytesABlob);
  std::vector<Blobs> all(1);
  for (uint64_t b = 0; b < 10'000; ++b) all[0].numbers.push_back(b);
  const SegmentPack pack = PackOf(1, all);
  uint64_t looks = 0;
  for (uint32_t b = 0; b < 10'000; ++b) {
    if (neighbours.Find(Blob(b))) continue;
    ++looks;
    const BlobPlace place{.pack = 1, .frame = 0, .blob = b};
    PutStep(neighbours, pack, 1, place, neighbours.NoteFound(place));
  }
  EXPECT_LE(looks, 10'000 / 10 + 10);
}

// More packs at once than there is room for: then there are pauses, and few steps.
TEST(Neighbours, WhatIsPushedOutBeforeItIsAskedForIsReadAheadSeldom) {
  Neighbours neighbours(64 * 10 * Neighbours::kBytesABlob);
  std::vector<SegmentPack> packs;
  for (uint64_t p = 0; p < 60; ++p) packs.push_back(LongPack(p, p * 1'000, 100));
  std::vector<FrameEntry> others;
  for (uint64_t o = 0; o < 10; ++o) {
    Blobs blobs;
    for (uint64_t b = 0; b < 200; ++b) blobs.numbers.push_back(1'000'000 + o * 200 + b);
    others.push_back(Frame(blobs, 0));
  }
  uint64_t steps = 0, looks = 0;
  for (uint32_t b = 0; b < 1'000; ++b) {
    for (uint32_t p = 0; p < 60; ++p) {
      for (uint32_t again = 0; again < 2; ++again) {  // each pushes the others out
        Neighbours::Step other{1, 200};
        neighbours.Put(1'000, 0, others[looks % others.size()], 0, other);
        if (neighbours.Find(Blob(p * 1'000 + b))) continue;
        ++looks;
        const BlobPlace place{.pack = p, .frame = b / 10, .blob = b % 10};
        const auto step = neighbours.NoteFound(place);
        if (step.blobs > 0) ++steps;
        PutStep(neighbours, packs[p], p, place, step);
      }
    }
  }
  EXPECT_LT(steps, looks / 10);
}

TEST(Neighbours, TheOldestGoFirst) {
  constexpr uint64_t kRoom = 1'000, kPut = 4'000;
  Neighbours neighbours(kRoom * Neighbours::kBytesABlob);
  EXPECT_FALSE(neighbours.Find(Blob(0))) << "nothing was put";
  EXPECT_FALSE(neighbours.Find(BlobId())) << "as an empty place is";
  for (uint32_t f = 0; f < kPut / 10; ++f) {
    Neighbours::Step step{1, 10};
    neighbours.Put(1, f, LongPack(1, f * 10, 1).frames[0], 0, step);
  }
  const auto count = [&](uint64_t from, uint64_t to) {
    uint64_t found = 0;
    for (uint64_t blob = from; blob < to; ++blob) found += neighbours.Find(Blob(blob)) ? 1 : 0;
    return found;
  };
  EXPECT_EQ(count(kPut - kRoom / 5, kPut), kRoom / 5);
  EXPECT_LT(count(0, kPut - 2 * kRoom), 20u);
  EXPECT_LE(count(0, kPut), kRoom);
  EXPECT_FALSE(neighbours.Find(BlobId()));
  const auto kept = neighbours.Find(Blob(kPut - 10));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->pack, 1u);
  EXPECT_EQ(kept->frame, kPut / 10 - 1);
  EXPECT_EQ(kept->length, LengthOf(kPut - 10));
  neighbours.Clear();
  EXPECT_FALSE(neighbours.Find(Blob(kPut - 1)));
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
