#include "engine/tree/list_reader.h"

#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::tree_test {
namespace {

using testing::HasSubstr;

std::vector<ListEntry> DistinctBlobs(size_t count, uint64_t length = 1000) {
  const SeededRandom random(11);
  std::vector<ListEntry> entries;
  for (size_t i = 0; i < count; ++i) entries.push_back(Blob(RandomId(random), length));
  return entries;
}

struct Seen {
  std::vector<std::pair<uint64_t, ListEntry>> entries;
  Result<void> result;
};
Seen Read(MemoryBlobs& blobs, const Content& content, uint64_t begin = 0, uint64_t end = UINT64_MAX) {
  Seen seen;
  seen.result = ForEachEntry(blobs, content, begin, end, [&](uint64_t offset, const ListEntry& entry) -> Result<void> {
    seen.entries.emplace_back(offset, entry);
    return {};
  });
  return seen;
}

// A list whose root says what the test wants it to say.
ListChild Store(MemoryBlobs& blobs, const ListBlob& list) {
  ListChild child{0, list.entries.size(), blobs.AddBlob(BlobKind::kMetadata, list.Encode()).value()};
  for (const ListEntry& entry : list.entries) child.bytes += entry.TotalBytes();
  for (const ListChild& below : list.children) {
    child.bytes += below.bytes;
    child.leaf_entries += below.leaf_entries;
  }
  return child;
}
Content RootedAt(const ListChild& root, uint8_t depth) {
  Content content;
  content.depth = depth;
  content.root = root;
  return content;
}

TEST(ListReader, GivesEntriesBackWithTheirOffsets) {
  for (const size_t count : {0u, 1u, 4u, 5u, 500u, 20'000u}) {
    SCOPED_TRACE(count);
    MemoryBlobs blobs;
    const auto entries = DistinctBlobs(count);
    const Seen seen = Read(blobs, BuildList(blobs, entries));
    EXPECT_OK(seen.result);
    ASSERT_EQ(seen.entries.size(), count);
    for (size_t i = 0; i < count; ++i) EXPECT_EQ(seen.entries[i], std::pair(i * 1000, entries[i]));
  }
}

TEST(ListReader, SeeksByOffsetWithoutReadingAll) {
  MemoryBlobs blobs;
  const auto entries = DistinctBlobs(20'000);
  const Content content = BuildList(blobs, entries);
  const uint64_t reads = blobs.reads();
  const Seen seen = Read(blobs, content, 12'345'678, 12'347'001);
  EXPECT_OK(seen.result);
  ASSERT_EQ(seen.entries.size(), 3u);
  EXPECT_EQ(seen.entries.front(), std::pair(uint64_t{12'345'000}, entries[12'345]));
  EXPECT_LE(blobs.reads() - reads, content.depth + 1u);
}

TEST(ListReader, RangesAreHalfOpen) {
  MemoryBlobs blobs;
  for (const size_t count : {3u, 600u}) {
    const Content content = BuildList(blobs, DistinctBlobs(count));
    EXPECT_EQ(Read(blobs, content, 1000, 2000).entries.size(), 1u);
    EXPECT_EQ(Read(blobs, content, 999, 2001).entries.size(), 3u);
    EXPECT_EQ(Read(blobs, content, 1000, 1000).entries.size(), 0u);
    EXPECT_EQ(Read(blobs, content, count * 1000, UINT64_MAX).entries.size(), 0u);
    EXPECT_EQ(Read(blobs, content, count * 1000 - 1, UINT64_MAX).entries.size(), 1u);
  }
}

TEST(ListReader, StopsWhereTheCallerSaysSo) {
  MemoryBlobs blobs;
  const Content content = BuildList(blobs, DistinctBlobs(1000));
  int calls = 0;
  const auto result = ForEachEntry(blobs, content, 0, UINT64_MAX, [&](uint64_t, const ListEntry&) -> Result<void> {
    if (++calls == 10) return Error(ErrorCode::kInterrupted, "interrupted");
    return {};
  });
  EXPECT_THAT(result, ErrorCodeIs(ErrorCode::kInterrupted));
  EXPECT_EQ(calls, 10);
}

TEST(ListReader, NamesEveryListBlobParentsFirst) {
  MemoryBlobs blobs;
  const Content content = BuildList(blobs, DistinctBlobs(20'000));
  std::vector<BlobId> ids;
  EXPECT_OK(ForEachListBlob(blobs, content, [&](const BlobId& id) -> Result<bool> {
    ids.push_back(id);
    return true;
  }));
  EXPECT_EQ(ids.front(), content.root.id);
  EXPECT_EQ(std::set(ids.begin(), ids.end()), blobs.ids());
  EXPECT_EQ(ids.size(), blobs.size());
}

TEST(ListReader, LeavesOutWhatIsBelowAKnownBlob) {
  MemoryBlobs blobs;
  const Content content = BuildList(blobs, DistinctBlobs(20'000));
  size_t calls = 0;
  const uint64_t reads = blobs.reads();
  EXPECT_OK(ForEachListBlob(blobs, content, [&](const BlobId&) -> Result<bool> { return calls++ > 0; }));
  EXPECT_EQ(calls, 1u);
  EXPECT_EQ(blobs.reads(), reads);
}

TEST(ListReader, GoesOnBesideAMissingListBlobWhereItIsAllowedTo) {
  MemoryBlobs blobs;
  const Content content = BuildList(blobs, DistinctBlobs(20'000));
  std::vector<BlobId> ids;
  const EachListBlob each = [&](const BlobId& id) -> Result<bool> {
    ids.push_back(id);
    return true;
  };
  ASSERT_OK(ForEachListBlob(blobs, content, each));
  const size_t all = ids.size();
  blobs.Remove(ids[2]);
  EXPECT_THAT(ForEachListBlob(blobs, content, each), ErrorCodeIs(ErrorCode::kNotFound));
  ids.clear();
  std::vector<BlobId> failed;
  EXPECT_OK(ForEachListBlob(blobs, content, each, [&](const BlobId& id, const Error&) -> Result<void> {
    failed.push_back(id);
    return {};
  }));
  EXPECT_EQ(failed, std::vector{ids[2]});
  EXPECT_GE(ids.size() + 128, all);
}

TEST(ListReader, RejectsSumsThatDiffer) {
  MemoryBlobs blobs;
  const Content good = BuildList(blobs, DistinctBlobs(20'000));
  for (const auto& change : std::vector<std::function<void(ListChild&)>>{
           [](ListChild& root) { ++root.bytes; },
           [](ListChild& root) { --root.bytes; },
           [](ListChild& root) { ++root.leaf_entries; },
           [](ListChild& root) { root.leaf_entries = 1; },
       }) {
    Content bad = good;
    change(bad.root);
    EXPECT_THAT(Read(blobs, bad).result, ErrorIs(ErrorCode::kCorrupt, HasSubstr(good.root.id.ToHex())));
  }
}

TEST(ListReader, RejectsAnInnerSumThatDiffersFromWhatIsBelow) {
  MemoryBlobs blobs;
  ListBlob leaf;
  leaf.entries = DistinctBlobs(10);
  const ListChild honest = Store(blobs, leaf);
  ListChild liar = honest;
  liar.bytes += 5;
  ListBlob inner;
  inner.depth = 1;
  inner.children = {honest, liar};
  const Seen seen = Read(blobs, RootedAt(Store(blobs, inner), 2));
  EXPECT_THAT(seen.result, ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_EQ(seen.entries.size(), 10u);  // what came before the lie
}

TEST(ListReader, RejectsADepthThatIsNotOneLess) {
  MemoryBlobs blobs;
  ListBlob leaf;
  leaf.entries = DistinctBlobs(10);
  const ListChild child = Store(blobs, leaf);
  EXPECT_THAT(Read(blobs, RootedAt(child, 2)).result, ErrorCodeIs(ErrorCode::kCorrupt));
  ListBlob inner;
  inner.depth = 2;
  inner.children = {child};
  EXPECT_THAT(Read(blobs, RootedAt(Store(blobs, inner), 3)).result, ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(Read(blobs, RootedAt(child, 10)).result, ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(Read(blobs, RootedAt(child, 255)).result, ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(ListReader, RejectsADirectoryInPlaceOfAList) {
  MemoryBlobs blobs;
  const Subtree directory = Build(blobs, NumberedFiles(3));
  EXPECT_THAT(Read(blobs, RootedAt({30, 3, directory.root}, 1)).result, ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(ListReader, CountsThatOverflowEndAtOnce) {
  MemoryBlobs blobs;
  ListBlob bomb;
  bomb.depth = 1;
  bomb.children.assign(2, ListChild{1, UINT64_MAX, BlobId()});
  const BlobId id = blobs.AddBlob(BlobKind::kMetadata, bomb.Encode()).value();
  const Seen seen = Read(blobs, RootedAt({2, UINT64_MAX - 1, id}, 2));
  EXPECT_THAT(seen.result, ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_EQ(blobs.reads(), 1u);
}

// Eight levels of 128 times the same blob: all sums are right, and no walk of its entries would end. Marking looks at
// each blob once.
TEST(ListReader, AListThatRepeatsItselfIsMarkedInAFewSteps) {
  MemoryBlobs blobs;
  ListBlob blob;
  blob.entries.assign(128, Blob(RandomId(SeededRandom()), 1));
  ListChild child = Store(blobs, blob);
  blob.entries.clear();
  uint8_t depth = 1;
  for (; depth <= 8; ++depth) {
    if (child.bytes > (uint64_t{1} << 55)) break;
    blob.depth = depth;
    blob.children.assign(128, child);
    child = Store(blobs, blob);
  }
  const Content content = RootedAt(child, depth);
  std::set<BlobId> seen;
  EXPECT_OK(ForEachListBlob(blobs, content, [&](const BlobId& id) -> Result<bool> { return seen.insert(id).second; }));
  EXPECT_EQ(seen.size(), depth);
  // And a seek into it costs its depth.
  const uint64_t reads = blobs.reads();
  EXPECT_EQ(Read(blobs, content, child.bytes / 3, child.bytes / 3 + 1).entries.size(), 1u);
  EXPECT_LE(blobs.reads() - reads, depth);
}

}  // namespace
}  // namespace cairn::tree_test
