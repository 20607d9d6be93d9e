#include "engine/jobs/backup.h"

#include <gtest/gtest.h>

#include "tests/support/machine.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

class BackupTest : public testing::Test {
 protected:
  BackupTest() { InitForTests(store_); }

  // The time that the source's one file was changed.
  UnixNs Changed(const MemoryFiles& files) {
    MemorySource source(files);
    auto root = source.OpenRoot({});
    auto entries = (*root)->List();
    return entries->front().mark.changed.seconds * 1'000'000'000;
  }

  uint64_t BytesRead(Machine& machine, const MemoryFiles& files) {
    const auto report = machine.Backup(files);
    EXPECT_TRUE(report) << report.error().message();
    return report ? report->bytes_read : 0;
  }

  MemoryStore store_;
  const MemoryFiles files_{{"file", RandomText(1, 3'000)}};
};

TEST_F(BackupTest, ReadsAnUnchangedFileOnce) {
  Machine machine(store_, 1);
  EXPECT_EQ(BytesRead(machine, files_), 3'000u);
  EXPECT_EQ(BytesRead(machine, files_), 0u);
}

// A write in the same tick of the file system's clock leaves the mark as it is: the file must be read once more.
TEST_F(BackupTest, ReadsAFileAgainThatWasReadInTheTickOfItsChange) {
  Machine machine(store_, 1);
  machine.context.clock.SetNow(Changed(files_) + 1'000'000);
  EXPECT_EQ(BytesRead(machine, files_), 3'000u);
  machine.context.clock.SetNow(Changed(files_) + 60'000'000'000);
  EXPECT_EQ(BytesRead(machine, files_), 3'000u);
  EXPECT_EQ(BytesRead(machine, files_), 0u);
}

TEST_F(BackupTest, ComparesWithTheParentsTreeWhereThereIsNoCache) {
  Machine first(store_, 1);
  EXPECT_EQ(BytesRead(first, files_), 3'000u);
  Machine other(store_, 2);
  EXPECT_EQ(BytesRead(other, files_), 0u);
}

TEST_F(BackupTest, DoubtsAParentThatWasMadeInTheTickOfAChange) {
  {
    Machine first(store_, 1);
    first.context.clock.SetNow(Changed(files_) + 1'000'000);
    EXPECT_EQ(BytesRead(first, files_), 3'000u);
  }
  Machine other(store_, 2);  // without the first one's cache: it compares with the parent's tree
  other.context.clock.SetNow(Changed(files_) + 60'000'000'000);
  EXPECT_EQ(BytesRead(other, files_), 3'000u);
}

// Two backups at once: the second one's copy of the index goes with it, and what it put the next one may never have
// heard of.
TEST_F(BackupTest, LooksUpWhatOnlyAPrivateCopyOfTheIndexKnew) {
  Machine machine(store_, 1);
  EXPECT_EQ(BytesRead(machine, files_), 3'000u);
  auto held = machine.repository->LoadIndex(machine.context.job);
  ASSERT_TRUE(held);
  const auto before = store_.Contents();
  MemoryFiles more = files_;
  more["second"] = RandomText(2, 5'000);
  EXPECT_EQ(BytesRead(machine, more), 5'000u);
  held->reset();
  EXPECT_EQ(BytesRead(machine, more), 0u) << "looked up, and not read";
  auto lost = store_.Contents();
  for (const auto& [name, bytes] : store_.Contents()) {
    const bool is_lost = name.starts_with("data/") || name.starts_with("index/");
    if (is_lost && !before.contains(name)) lost.erase(name);
  }
  store_.SetContents(lost);
  EXPECT_EQ(BytesRead(machine, more), 5'000u);
}

// The time of a snapshot may be made up: it says nothing of when a file was read.
TEST_F(BackupTest, DoubtsAFileThatWasReadInTheTickOfItsChangeWhateverTheParentsTime) {
  {
    Machine first(store_, 1);
    first.context.clock.SetNow(Changed(files_) + 1'000'000);
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<MemorySource>(files_));
    BackupOptions options;
    options.host = ToBytes(AsBytes("machine"));
    options.time = WireTime{Changed(files_) / 1'000'000'000 + 3'600, 0};
    ASSERT_TRUE(RunBackup(first.context.job, *first.repository, std::move(sources), options, {}));
  }
  Machine other(store_, 2);
  other.context.clock.SetNow(Changed(files_) + 60'000'000'000);
  EXPECT_EQ(BytesRead(other, files_), 3'000u);
  EXPECT_EQ(BytesRead(other, files_), 0u);
}

// Of whose files not all metadata can be read.
class BrokenMetadata : public MemorySource {
 public:
  using MemorySource::MemorySource;
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override {
    ASSIGN_OR_RETURN(auto root, MemorySource::OpenRoot(std::move(findings)));
    return std::make_shared<Folder>(std::move(root));
  }

 private:
  class Folder : public SourceFolder {
   public:
    explicit Folder(std::shared_ptr<SourceFolder> real) : real_(std::move(real)) {}
    Result<std::vector<SourceEntry>> List() override { return real_->List(); }
    Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) override {
      return real_->OpenFolder(entry);
    }
    Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override { return real_->OpenFile(entry); }
    Result<SourceMetadata> ReadMetadata(const SourceEntry& entry) override {
      ASSIGN_OR_RETURN(SourceMetadata metadata, real_->ReadMetadata(entry));
      metadata.complete = false;
      return metadata;
    }

   private:
    const std::shared_ptr<SourceFolder> real_;
  };
};

TEST_F(BackupTest, ReadsAFileAgainWhoseMetadataCouldNotBeReadWhole) {
  for (const bool has_cache : {true, false}) {
    MemoryStore store;
    InitForTests(store);
    Machine first(store, 1);
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<BrokenMetadata>(files_));
    BackupOptions options;
    options.host = ToBytes(AsBytes("machine"));
    ASSERT_TRUE(RunBackup(first.context.job, *first.repository, std::move(sources), options, {}));
    Machine other(store, 2);
    Machine& next = has_cache ? first : other;
    EXPECT_EQ(BytesRead(next, files_), 3'000u);
    EXPECT_EQ(BytesRead(next, files_), 0u);
  }
}

TEST(ChangeMark, MayMissAChangeNearItsOwnTime) {
  const auto at = [](int64_t seconds, uint32_t nanoseconds) {
    return ChangeMark{.size = 1, .modified = {1, 0}, .changed = {seconds, nanoseconds}, .inode = 1};
  };
  EXPECT_TRUE(at(100, 0).MayMissChange({101, 900'000'000})) << "no fractions: a coarse file system";
  EXPECT_FALSE(at(100, 0).MayMissChange({102, 0}));
  EXPECT_TRUE(at(100, 980'000'000).MayMissChange({101, 20'000'000}));
  EXPECT_FALSE(at(100, 980'000'000).MayMissChange({101, 40'000'000}));
  EXPECT_FALSE(at(4'000'000'000, 5).MayMissChange({100, 0})) << "of the future: a write would change it";
}

}  // namespace
}  // namespace cairn
