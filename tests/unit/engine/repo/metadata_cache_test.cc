#include "engine/repo/metadata_cache.h"

#include <fstream>

#include "engine/env/random.h"
#include "tests/support/fault_store.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/named.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

constexpr uint64_t kPackBytes = 1'000;

class MetadataCacheTest : public testing::Test {
 protected:
  void SetUp() override {
    for (size_t i = 0; i < 4; ++i) {
      packs_.push_back(random_.SomeBytes(kPackBytes));
      ASSERT_OK(memory_.Put(NameOf(i), packs_[i]));
    }
  }
  static ObjectName NameOf(size_t pack) { return Named("meta/ab/pack" + std::to_string(pack)); }
  // As another process would begin, over the same folder.
  MetadataCache Cache(uint64_t bytes_max = 100'000) {
    return {PosixFileSystem(), SystemRandom(), folder_ / "metadata", bytes_max};
  }
  void ExpectRange(MetadataCache& cache, size_t pack, uint64_t offset, uint64_t size) {
    ASSERT_OK_AND_ASSIGN(const Bytes bytes, cache.GetRange(store_, NameOf(pack), kPackBytes, offset, size));
    EXPECT_TRUE(Equal(bytes, ByteSpan(packs_[pack]).subspan(offset, size))) << offset;
  }
  uint64_t Requests() const { return store_.calls(StoreOperation::kGet) + store_.calls(StoreOperation::kGetRange); }
  std::string FileOf(size_t pack) const { return folder_ / "metadata/pack" + std::to_string(pack); }

  SeededRandom random_;
  TempFolder folder_;
  MemoryStore memory_;
  FaultStore store_{memory_};
  std::vector<Bytes> packs_;
};

TEST_F(MetadataCacheTest, FetchesAPackWholeWhenItIsAskedForAgain) {
  MetadataCache cache = Cache();
  ExpectRange(cache, 0, 10, 20);
  EXPECT_EQ(store_.calls(StoreOperation::kGet), 0);
  ExpectRange(cache, 0, 500, 500);
  for (uint64_t offset = 0; offset < kPackBytes; offset += 100) ExpectRange(cache, 0, offset, 100);
  EXPECT_EQ(Requests(), 2);
}

TEST_F(MetadataCacheTest, AsksForNothingThatAnEarlierProcessHadPut) {
  Cache().Add(NameOf(1), packs_[1]);
  MetadataCache later = Cache();
  for (uint64_t offset = 0; offset < kPackBytes; offset += 50) ExpectRange(later, 1, offset, 50);
  EXPECT_EQ(Requests(), 0);
}

TEST_F(MetadataCacheTest, ADamagedFileIsFetchedAnew) {
  const auto flip = [&](size_t at) {
    std::fstream file(FileOf(2), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(byte ^ 1));
    ASSERT_TRUE(file.good());
  };
  for (const size_t at : {size_t{0}, size_t{999}, size_t{1'015}}) {  // of the pack, and of the checksum
    Cache().Add(NameOf(2), packs_[2]);
    flip(at);
    MetadataCache later = Cache();
    const uint64_t before = Requests();
    ExpectRange(later, 2, 0, kPackBytes);
    ExpectRange(later, 2, 0, kPackBytes);
    EXPECT_EQ(Requests(), before + 2) << at;
  }
  std::ofstream(FileOf(3)) << "short";
  MetadataCache later = Cache();
  ExpectRange(later, 3, 0, kPackBytes);
}

TEST_F(MetadataCacheTest, SaysWhatIsWrongWithThePartThatIsNeeded) {
  MetadataCache cache = Cache();
  ASSERT_OK(memory_.Put(NameOf(0), ByteSpan(packs_[0]).first(600)));  // cut off, on the store
  ExpectRange(cache, 0, 0, 100);
  ExpectRange(cache, 0, 100, 500);
  EXPECT_THAT(cache.GetRange(store_, NameOf(0), kPackBytes, 500, 500), ErrorCodeIs(ErrorCode::kCorrupt));
  ASSERT_OK(memory_.Remove(NameOf(1)));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(cache.GetRange(store_, NameOf(1), kPackBytes, 0, 5), ErrorCodeIs(ErrorCode::kNotFound));
  }
  EXPECT_THAT(cache.GetRange(store_, NameOf(2), kPackBytes, 900, 101), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST_F(MetadataCacheTest, KeepsToItsSize) {
  MetadataCache cache = Cache(4 * (kPackBytes + 16));
  for (size_t pack = 0; pack < 4; ++pack) cache.Add(NameOf(pack), packs_[pack]);
  for (int more = 0; more < 10; ++more) cache.Add(Named("meta/ab/more" + std::to_string(more)), packs_[0]);
  uint64_t total = 0;
  ASSERT_OK(PosixFileSystem().List(folder_ / "metadata", [&](const FileInfo& info) { total += info.size; }));
  EXPECT_LE(total, 4 * (kPackBytes + 16));
  for (size_t pack = 0; pack < 4; ++pack) ExpectRange(cache, pack, 3, 4);  // whatever went
  Cache(kPackBytes).Add(NameOf(0), packs_[0]);                             // too large for it
}

TEST_F(MetadataCacheTest, WorksWithoutAFolder) {
  std::ofstream(folder_ / "file") << "x";
  MetadataCache cache(PosixFileSystem(), SystemRandom(), folder_ / "file/metadata", 100'000);
  for (int i = 0; i < 4; ++i) ExpectRange(cache, 0, 0, 10);
  cache.Add(NameOf(1), packs_[1]);
  ExpectRange(cache, 1, 0, 10);
}

}  // namespace
}  // namespace cairn
