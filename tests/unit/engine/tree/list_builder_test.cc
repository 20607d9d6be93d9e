#include "engine/tree/list_builder.h"

#include "engine/tree/list_reader.h"
#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::tree_test {
namespace {

std::vector<ListEntry> RandomEntries(const SeededRandom& random, size_t count) {
  std::vector<ListEntry> entries;
  while (entries.size() < count) {
    const uint64_t kind = random.Below(10);
    const bool after_hole = !entries.empty() && entries.back().type == ListEntry::Type::kHole;
    if (kind == 0 && !after_hole) {
      entries.push_back(Hole(1 + random.Below(1'000'000)));
    } else if (kind == 1) {
      entries.push_back(RunOf(RandomId(random), 1 + random.Below(4096), 2 + random.Below(100)));
    } else {
      entries.push_back(Blob(RandomId(random), 1 + random.Below(100'000)));
    }
  }
  return entries;
}

TEST(ListBuilder, KeepsNothingForAnEmptyFile) {
  MemoryBlobs blobs;
  EXPECT_EQ(BuildList(blobs, {}), Content());
  EXPECT_EQ(blobs.size(), 0u);
}

TEST(ListBuilder, KeepsFourEntriesInTheNodeAndFiveInABlob) {
  const SeededRandom random;
  const std::vector<ListEntry> five = RandomEntries(random, 5);
  MemoryBlobs blobs;
  const Content four = BuildList(blobs, {five.begin(), five.begin() + 4});
  EXPECT_EQ(four.depth, 0);
  EXPECT_EQ(four.entries.size(), 4u);
  EXPECT_EQ(blobs.size(), 0u);
  const Content all = BuildList(blobs, five);
  EXPECT_EQ(all.depth, 1);
  EXPECT_TRUE(all.entries.empty());
  EXPECT_EQ(all.root.leaf_entries, 5u);
  EXPECT_EQ(blobs.size(), 1u);
}

TEST(ListBuilder, JoinsHolesAndEqualBlobs) {
  const SeededRandom random;
  const BlobId a = RandomId(random), b = RandomId(random);
  MemoryBlobs blobs;
  ListBuilder builder(blobs, 128);
  EXPECT_OK(builder.AddHole(10));
  EXPECT_OK(builder.AddHole(0));
  EXPECT_OK(builder.AddHole(5));
  EXPECT_OK(builder.AddBlob(a, 7));
  EXPECT_OK(builder.AddBlob(a, 7));
  EXPECT_OK(builder.AddEntry(RunOf(a, 7, 3)));
  EXPECT_OK(builder.AddBlob(b, 9));
  EXPECT_EQ(builder.bytes(), 15u + 35 + 9);
  ASSERT_OK_AND_ASSIGN(const Content content, builder.Finish());
  EXPECT_EQ(content.entries, (std::vector{Hole(15), RunOf(a, 7, 5), Blob(b, 9)}));
}

TEST(ListBuilder, JoinsAcrossTheBorderOfWhatTheNodeKeeps) {
  const SeededRandom random;
  std::vector<ListEntry> parts = RandomEntries(random, 4);
  parts.push_back(Blob(RandomId(random), 11));
  MemoryBlobs blobs;
  ListBuilder builder(blobs, 128);
  for (const ListEntry& entry : parts) EXPECT_OK(builder.AddEntry(entry));
  EXPECT_OK(builder.AddEntry(parts.back()));
  ASSERT_OK_AND_ASSIGN(const Content content, builder.Finish());
  std::vector<ListEntry> joined = parts;
  joined.back() = RunOf(joined.back().id, 11, 2);
  EXPECT_EQ(content, ReferenceList(blobs, joined));
}

TEST(ListBuilder, AMillionEqualBlobsAreOneEntry) {
  const BlobId id = RandomId(SeededRandom());
  MemoryBlobs blobs;
  ListBuilder builder(blobs, 128);
  for (int i = 0; i < 1'000'000; ++i) ASSERT_OK(builder.AddBlob(id, 4096));
  ASSERT_OK_AND_ASSIGN(const Content content, builder.Finish());
  EXPECT_EQ(content.entries, std::vector{RunOf(id, 4096, 1'000'000)});
}

TEST(ListBuilder, EqualsWhatTheSpecificationSays) {
  const SeededRandom random(7);
  for (const size_t count : {5u, 7u, 8u, 9u, 100u, 128u, 129u, 1'000u, 5'000u, 20'000u}) {
    for (const uint32_t average : {128u, 32u}) {
      SCOPED_TRACE(fmt::format("{} entries, average {}", count, average));
      MemoryBlobs blobs, reference;
      const auto entries = RandomEntries(random, count);
      EXPECT_EQ(BuildList(blobs, entries, average), ReferenceList(reference, entries, average));
      EXPECT_EQ(blobs.ids(), reference.ids());
    }
  }
}

TEST(ListBuilder, IsTheSameWhereTheFirstEntryComesLast) {
  const SeededRandom random(9);
  for (const size_t count : {1u, 2u, 4u, 5u, 7u, 8u, 9u, 100u, 1'000u, 5'000u, 60'000u}) {
    SCOPED_TRACE(count);
    std::vector<ListEntry> entries = RandomEntries(random, count);
    entries.front() = Blob(RandomId(random), 4'096);
    MemoryBlobs blobs, reference;
    ListBuilder builder(blobs, 32);
    ASSERT_OK(builder.AddFirstLater(4'096));
    for (size_t i = 1; i < count; ++i) ASSERT_OK(builder.AddEntry(entries[i]));
    ASSERT_OK(builder.SetFirst(entries.front().id));
    ASSERT_OK_AND_ASSIGN(const Content content, builder.Finish());
    EXPECT_EQ(content, ReferenceList(reference, entries, 32));
    EXPECT_EQ(blobs.ids(), reference.ids());
  }
}

TEST(ListBuilder, CutsHolesAndBlobsAloneAt128) {
  // Ids with the highest first bytes never cut.
  SeededRandom random;
  std::vector<ListEntry> entries;
  for (int i = 0; i < 300; ++i) {
    BlobId id = RandomId(random);
    id.mutable_bytes()[0] = 0xff;
    entries.push_back(i % 2 == 0 ? Blob(id) : Hole(100));
  }
  MemoryBlobs blobs;
  const Content content = BuildList(blobs, entries);
  EXPECT_EQ(content.depth, 2);
  EXPECT_EQ(blobs.size(), 4u);  // 128, 128, 44, and the root
}

TEST(ListBuilder, IsTheSameWhateverTheWayItWasBuilt) {
  const SeededRandom random(3);
  const auto entries = RandomEntries(random, 3'000);
  MemoryBlobs blobs;
  const Content whole = BuildList(blobs, entries);
  ListBuilder builder(blobs, 128);
  for (const ListEntry& entry : entries) {  // in pieces
    if (entry.type == ListEntry::Type::kHole) {
      EXPECT_OK(builder.AddHole(entry.length / 2));
      EXPECT_OK(builder.AddHole(entry.length - entry.length / 2));
    } else {
      for (uint64_t i = 0; i < entry.count; ++i) {
        EXPECT_OK(builder.AddBlob(entry.id, static_cast<uint32_t>(entry.length)));
      }
    }
  }
  ASSERT_OK_AND_ASSIGN(const Content again, builder.Finish());
  EXPECT_EQ(again, whole);
}

TEST(ListBuilder, AChangeInTheMiddleRewritesFewBlobs) {
  const SeededRandom random(5);
  auto entries = RandomEntries(random, 100'000);
  MemoryBlobs blobs;
  const Content before = BuildList(blobs, entries);
  EXPECT_GE(before.depth, 3);
  const size_t all = blobs.TakeNew().size();
  entries.insert(entries.begin() + 50'000, Blob(RandomId(random)));
  entries.erase(entries.begin() + 50'010);
  BuildList(blobs, entries);
  const size_t rewritten = blobs.TakeNew().size();
  EXPECT_GT(all, 700u);
  // A few on the way to where the cuts agree again, and the way up.
  EXPECT_LE(rewritten, 6u * before.depth);
}

TEST(ListBuilder, RefusesWhatNoFileHas) {
  MemoryBlobs blobs;
  ListBuilder builder(blobs, 128);
  EXPECT_THAT(builder.AddBlob(BlobId(), 0), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_THAT(builder.AddEntry(RunOf(BlobId(), 1, 0)), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_OK(builder.AddHole(INT64_MAX));
  EXPECT_THAT(builder.AddHole(1), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_THAT(builder.AddEntry(RunOf(BlobId(), limits::kBlobBytesReadMax, UINT64_MAX / 2)),
              ErrorCodeIs(ErrorCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn::tree_test
