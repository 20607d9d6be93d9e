// A copy that is damaged, foreign or of another layout is thrown away and made anew from the segments.
#include <fstream>

#include "engine/index/index_table.h"
#include "tests/unit/engine/index/index_fixture.h"

namespace cairn::index_test {
namespace {

namespace fs = std::filesystem;

class IndexDamage : public IndexTest {
 protected:
  static constexpr uint64_t kPacks = 30, kBlobs = 40;

  IndexDamage() {
    for (uint64_t n = 0; n < kPacks; ++n) {
      Blobs frame;
      for (uint64_t b = 0; b < kBlobs; ++b) frame.numbers.push_back(n * kBlobs + b);
      segments_.Put(n, SegmentOf({PackOf(n, {frame})}));
    }
  }
  std::string shared() const { return folder_ + "/index/shared"; }
  std::vector<std::string> Files(const std::string& part) const {
    std::vector<std::string> paths;
    for (const std::string& name : NamesIn(shared())) {
      if (name.find(part) != std::string::npos) paths.push_back(shared() + "/" + name);
    }
    return paths;
  }
  static void Flip(const std::string& path, uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ 0x55);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
  }
  void ExpectAll(Index& index) {
    EXPECT_EQ(index.blob_count(), kPacks * kBlobs);
    for (uint64_t blob = 0; blob < kPacks * kBlobs; ++blob) {
      ASSERT_TRUE(HasForWriter(index, blob)) << blob;
      ASSERT_EQ(PacksOf(index, blob), std::vector<uint64_t>{blob / kBlobs});
    }
  }
  // After the damage one Sync, or two where it is found in between, give all of it again.
  void ExpectMended() {
    for (int process = 0; process < 2; ++process) {
      const auto index = Open();
      ASSERT_NE(index, nullptr);
      ASSERT_TRUE(SyncTo(*index, segments_.Listing()));
      for (uint64_t blob = 0; blob < kPacks * kBlobs; ++blob) {
        IgnoreError(index->Find(Blob(blob)), "damage that is found here is noted");
      }
      ASSERT_TRUE(SyncTo(*index, segments_.Listing()));
      ExpectAll(*index);
    }
  }
};

TEST_F(IndexDamage, CopyOfAnotherRepository) {
  Sync(*Open());
  repository_ = MixedId<RepositoryId>(78);
  segments_.all.erase(segments_.all.begin());
  segments_.loads = 0;
  const auto index = Open();
  Sync(*index);
  EXPECT_EQ(segments_.loads, static_cast<int>(kPacks) - 1);
  EXPECT_EQ(index->blob_count(), (kPacks - 1) * kBlobs);
}

TEST_F(IndexDamage, EveryFileThatIsGone) {
  Sync(*Open());
  for (const std::string part : {"CURRENT", "MANIFEST", "IDENTITY", ".sst"}) {
    SCOPED_TRACE(part);
    const auto files = Files(part);
    ASSERT_FALSE(files.empty());
    for (const std::string& file : files) fs::remove(file);
    ExpectMended();
  }
}

TEST_F(IndexDamage, EveryFileThatIsCutOff) {
  Sync(*Open());
  for (const std::string part : {"CURRENT", "MANIFEST", ".sst"}) {
    SCOPED_TRACE(part);
    for (const std::string& file : Files(part)) fs::resize_file(file, fs::file_size(file) / 2);
    ExpectMended();
  }
}

TEST_F(IndexDamage, TableFilesWithFlippedBytes) {
  Sync(*Open());
  for (const uint64_t offset : {uint64_t{0}, uint64_t{3'000}, uint64_t{20'000}}) {
    SCOPED_TRACE(offset);
    for (const std::string& file : Files(".sst")) {
      const uint64_t size = fs::file_size(file);
      for (uint64_t at = offset % size; at < size; at += 1'000) Flip(file, at);
    }
    ExpectMended();
  }
}

TEST_F(IndexDamage, DamageThatAReaderFindsIsMadeGoodByTheNextSync) {
  const auto index = Open(kMiB);
  Sync(*index);
  for (const std::string& file : Files(".sst")) {
    for (uint64_t at = 0; at < fs::file_size(file) * 3 / 4; at += 500) Flip(file, at);
  }
  int corrupt = 0;
  for (uint64_t blob = 0; blob < kPacks * kBlobs; ++blob) {
    const auto found = index->Find(Blob(blob));
    if (found) continue;
    EXPECT_EQ(found.error().code(), ErrorCode::kIo) << "of this machine, not of the repository";
    HasForWriter(*index, blob);  // never fails: a writer stores it once more, and goes on
    ++corrupt;
  }
  EXPECT_GT(corrupt, 0);
  Sync(*index);
  ExpectAll(*index);
}

TEST_F(IndexDamage, PrivateCopyOfADamagedOneBeginsAnewAndTellsTheNext) {
  const auto holder = Open();
  Sync(*holder);
  for (const std::string& file : Files(".sst")) {
    for (uint64_t at = 0; at < fs::file_size(file); at += 300) Flip(file, at);
  }
  const auto index = Open();
  ASSERT_TRUE(index->is_private());
  ASSERT_TRUE(SyncTo(*index, segments_.Listing()));
  for (uint64_t blob = 0; blob < kPacks * kBlobs; ++blob) {
    IgnoreError(index->Find(Blob(blob)), "damage that is found here is noted");
  }
  ASSERT_TRUE(SyncTo(*index, segments_.Listing()));
  ExpectAll(*index);
}

TEST_F(IndexDamage, StrangeFilesInTheFolderDoNoHarm) {
  fs::create_directories(shared());
  std::ofstream(shared() + "/CURRENT") << "MANIFEST-../../etc/passwd\n";
  std::ofstream(shared() + "/000007.sst") << "noise";
  fs::create_directories(folder_ + "/index/private-notours");
  const auto index = Open();
  Sync(*index);
  ExpectAll(*index);
}

// As on a disk that takes no more: what is asked then has an answer, and the repository is not blamed.
TEST_F(IndexDamage, ACopyThatCannotBeMadeAnewIsAnErrorOfThisMachine) {
  const auto index = Open();
  Sync(*index);
  for (const std::string& file : Files(".sst")) {
    for (uint64_t at = 0; at < fs::file_size(file) * 3 / 4; at += 500) Flip(file, at);
  }
  for (uint64_t blob = 0; blob < kPacks * kBlobs; ++blob) IgnoreError(index->Find(Blob(blob)), "it is damaged");
  const std::string obstacle = shared() + "/obstacle";
  std::ofstream(obstacle) << "x";
  if (std::system(("chattr +i '" + obstacle + "' 2>/dev/null").c_str()) != 0) GTEST_SKIP() << "no immutable files here";
  const auto synced = SyncTo(*index, segments_.Listing());
  EXPECT_EQ(synced ? ErrorCode::kBusy : synced.error().code(), ErrorCode::kPermission);
  EXPECT_FALSE(HasForWriter(*index, 1));
  const auto found = index->Find(Blob(1));
  EXPECT_EQ(found ? ErrorCode::kBusy : found.error().code(), ErrorCode::kIo);
  EXPECT_FALSE(index->AddPack(PackOf(900, {{{9'000}}}), SessionsForAdd()));
  EXPECT_FALSE(index->Flush());
  EXPECT_FALSE(index->ForEachBlob([](const BlobId&, BlobKind, std::span<const BlobPlace>) { return Result<void>(); }));
  EXPECT_FALSE(SyncTo(*index, segments_.Listing()));
  ASSERT_EQ(std::system(("chattr -i '" + obstacle + "'").c_str()), 0);
  Sync(*index);
  ExpectAll(*index);
}

TEST_F(IndexDamage, ManifestThatIsCutAnywhereOpensOrIsCorrupt) {
  Sync(*Open());
  const auto manifests = Files("MANIFEST");
  ASSERT_EQ(manifests.size(), 1u);
  const uint64_t size = fs::file_size(manifests[0]);
  const std::string copy = folder_ + "/cut";
  for (uint64_t length = 0; length < size; length += 1 + size / 50) {
    SCOPED_TRACE(length);
    fs::remove_all(copy);
    fs::copy(shared(), copy);
    fs::resize_file(copy + "/" + fs::path(manifests[0]).filename().string(), length);
    const auto table = IndexTable::Open({.folder = copy, .repository = repository_, .memory_bytes = kMiB});
    EXPECT_TRUE(table || table.error().code() == ErrorCode::kCorrupt) << table.error().message();
  }
}

}  // namespace
}  // namespace cairn::index_test
