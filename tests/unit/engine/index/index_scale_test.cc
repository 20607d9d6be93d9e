// Two hundred thousand blobs, and the memory that they take.
#include <fstream>

#include "engine/index/frame_cache.h"
#include "tests/unit/engine/index/index_fixture.h"

namespace cairn::index_test {
namespace {

uint64_t ResidentBytes() {
  std::ifstream status("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  status >> total >> resident;
  return resident * 4 * kKiB;
}

// Segment n of 10 packs of 100 frames of 10 blobs, made when it is asked for.
IndexSegment Made(uint64_t n) {
  std::vector<SegmentPack> packs;
  for (uint64_t p = n * 10; p < n * 10 + 10; ++p) {
    std::vector<Blobs> frames(100);
    for (uint64_t f = 0; f < frames.size(); ++f) {
      for (uint64_t b = 0; b < 10; ++b) frames[f].numbers.push_back(p * 1000 + f * 10 + b);
    }
    packs.push_back(PackOf(p, frames));
  }
  return SegmentOf(packs);
}

TEST_F(IndexTest, TwoHundredThousandBlobsInLittleMemory) {
  constexpr uint64_t kSegments = 20, kBlobs = kSegments * 10'000;
  std::vector<SegmentId> listing;
  std::map<SegmentId, uint64_t> numbers;
  for (uint64_t n = 0; n < kSegments; ++n) {
    listing.push_back(Segment(n));
    numbers[Segment(n)] = n;
  }
  const auto load = [&](const SegmentId& id) -> Result<IndexSegment> { return Made(numbers.at(id)); };
  JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, Limits::ForTests()};
  const auto index = Open(2 * kMiB);
  {
    const auto warm_up = Made(0);  // the allocator keeps what the largest segment took
  }
  const uint64_t before = ResidentBytes();
  ASSERT_TRUE(index->Sync(listing, load, context));
  EXPECT_EQ(index->blob_count(), kBlobs);

  uint64_t walked = 0;
  std::optional<BlobId> last;
  ASSERT_TRUE(index->ForEachBlob([&](const BlobId& id, BlobKind, std::span<const BlobPlace> places) {
    EXPECT_TRUE(!last || *last < id);
    EXPECT_EQ(places.size(), 1u);
    last = id;
    ++walked;
    return Result<void>();
  }));
  EXPECT_EQ(walked, kBlobs);
  for (uint64_t blob = 0; blob < kBlobs; blob += 13) {
    const auto has = index->HasForWriter(Blob(blob), 100 + blob % 1'000'000);
    ASSERT_TRUE(has && *has) << blob;
    ASSERT_FALSE(HasForWriter(*index, blob + 10'000'000));
  }
  for (uint64_t blob = 0; blob < kBlobs; blob += 101) {
    ASSERT_EQ(PacksOf(*index, blob), std::vector<uint64_t>{blob / 1000});
  }
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(ResidentBytes() - before, 24 * kMiB);  // the rows alone are 18 MB
#endif
  static_cast<void>(before);
}

uint64_t TableBytes(const std::string& folder) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".sst") bytes += entry.file_size();
  }
  return bytes;
}

// A few rows are left where they are, and mean nothing; when they are more than what is needed they go.
TEST_F(IndexTest, RowsOfDroppedPacksAreLeftOutOnceTheyAreMany) {
  constexpr uint64_t kSegments = 130;  // of 10,000 blobs
  std::map<SegmentId, uint64_t> numbers;
  for (uint64_t n = 0; n < kSegments; ++n) numbers[Segment(n)] = n;
  const auto listing = [](uint64_t from) {
    std::vector<SegmentId> ids;
    for (uint64_t n = from; n < kSegments; ++n) ids.push_back(Segment(n));
    return ids;
  };
  const auto load = [&](const SegmentId& id) -> Result<IndexSegment> { return Made(numbers.at(id)); };
  JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, Limits()};
  const auto expect_from = [&](Index& index, uint64_t first) {
    EXPECT_EQ(index.blob_count(), (kSegments - first) * 10'000);
    EXPECT_EQ(AllOf(index).size(), (kSegments - first) * 10'000);
    for (uint64_t n = 0; n < kSegments; ++n) {
      EXPECT_EQ(HasForWriter(index, n * 10'000 + 7), n >= first) << n;
      EXPECT_EQ(PacksOf(index, n * 10'000 + 1234).size(), n >= first ? 1u : 0u) << n;
    }
  };
  auto index = Open();
  ASSERT_TRUE(index->Sync(listing(0), load, context));
  const uint64_t all_bytes = TableBytes(folder_);
  ASSERT_TRUE(index->Sync(listing(5), load, context));
  expect_from(*index, 5);
  EXPECT_GT(TableBytes(folder_), all_bytes * 95 / 100);
  index = nullptr;
  index = Open();
  ASSERT_TRUE(index->Sync(listing(5), load, context));
  expect_from(*index, 5);

  ASSERT_TRUE(index->Sync(listing(120), load, context));
  EXPECT_LT(TableBytes(folder_), all_bytes / 8);
  expect_from(*index, 120);
  // What comes again has another number, and is not taken for what went.
  ASSERT_TRUE(index->Sync(listing(0), load, context));
  expect_from(*index, 0);
}

TEST(FrameCache, KeepsWhatWasAskedForLastWithinItsBound) {
  FrameCache cache(4'000);
  const auto frame = [](uint64_t n) {
    auto value = std::make_shared<IndexedFrame>();
    value->offset = n;
    value->entry = std::make_shared<const FrameEntry>(Frame({{n, n + 1, n + 2, n + 3}}, 0));
    return value;
  };
  for (uint32_t n = 0; n < 100; ++n) {
    cache.Put(1, n, frame(n));
    ASSERT_NE(cache.Get(1, 0), nullptr) << n;  // in use all the while
  }
  int kept = 0;
  for (uint32_t n = 0; n < 100; ++n) kept += cache.Get(1, n) != nullptr ? 1 : 0;
  EXPECT_GT(kept, 3);
  EXPECT_LT(kept, 16);
  EXPECT_EQ(cache.Get(1, 99)->offset, 99u);
  EXPECT_EQ(cache.Get(2, 99), nullptr);
  FrameCache none(0);
  none.Put(1, 1, frame(1));
  EXPECT_EQ(none.Get(1, 1), nullptr);
}

}  // namespace
}  // namespace cairn::index_test
