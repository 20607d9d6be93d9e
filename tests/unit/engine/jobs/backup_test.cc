#include "engine/jobs/backup.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/machine.h"
#include "tests/support/matchers.h"
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

class NamedSource : public MemorySource {
 public:
  NamedSource(const MemoryFiles& files, std::string name) : MemorySource(files), name_(std::move(name)) {}
  std::string name() const override { return name_; }

 private:
  const std::string name_;
};

TEST_F(BackupTest, RefusesNamesOfItemsThatNoReaderTakesBeforeItReads) {
  Machine machine(store_, 1);
  const auto run = [&](const std::vector<std::string>& names) {
    std::vector<std::unique_ptr<Source>> sources;
    for (const std::string& name : names) sources.push_back(std::make_unique<NamedSource>(files_, name));
    BackupOptions options;
    options.host = ToBytes(AsBytes("machine"));
    return RunBackup(machine.context.job, *machine.repository, std::move(sources), options, {});
  };
  const auto before = store_.Contents();
  for (const std::string name : {"", ".", "..", "a/b", "\xff"}) {
    EXPECT_THAT(run({"files", name}), ErrorIs(ErrorCode::kInvalidArgument, testing::HasSubstr("no name of an item")));
  }
  EXPECT_THAT(run({"a", "b", "a"}), ErrorIs(ErrorCode::kInvalidArgument, testing::HasSubstr("two items")));
  EXPECT_EQ(store_.Contents(), before);
  EXPECT_THAT(run({"a", "b"}), IsOk());
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

// Counts what is open.
class CountedFiles : public MemorySource {
 public:
  struct Counts {
    int opened = 0, open = 0, open_max = 0, announced = 0, read_unannounced = 0;
    bool few_descriptors = false;
  };
  // `at_open` is called at each opening, at its end.
  CountedFiles(const MemoryFiles& files, Counts& counts, std::function<void()> at_open = {})
      : MemorySource(files), counts_(counts), at_open_(std::move(at_open)) {}
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override {
    ASSIGN_OR_RETURN(auto root, MemorySource::OpenRoot(std::move(findings)));
    return std::make_shared<Folder>(std::move(root), *this);
  }

 private:
  class File : public SourceFile {
   public:
    File(std::unique_ptr<SourceFile> real, Counts& counts) : real_(std::move(real)), counts_(counts) {
      ++counts_.opened;
      counts_.open_max = std::max(counts_.open_max, ++counts_.open);
    }
    ~File() override { --counts_.open; }
    Result<Extent> NextExtent() override { return real_->NextExtent(); }
    Result<size_t> Read(MutableByteSpan target) override {
      if (!is_announced_) ++counts_.read_unannounced;
      return real_->Read(target);
    }
    void ReadSoon() override { is_announced_ = ++counts_.announced > 0; }
    Result<ChangeMark> Mark() override { return real_->Mark(); }

   private:
    const std::unique_ptr<SourceFile> real_;
    Counts& counts_;
    bool is_announced_ = false;
  };
  class Folder : public SourceFolder {
   public:
    Folder(std::shared_ptr<SourceFolder> real, CountedFiles& all) : real_(std::move(real)), all_(all) {}
    Result<std::vector<SourceEntry>> List() override { return real_->List(); }
    Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) override {
      return real_->OpenFolder(entry);
    }
    Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override {
      if (ToString(entry.name) == "f7") return MakeError(ErrorCode::kPermission, "this one not");
      // The third at once, and every one behind it, finds no descriptor.
      if (all_.counts_.few_descriptors && all_.counts_.open == 2) return ErrnoError(EMFILE, "opening the file");
      ASSIGN_OR_RETURN(auto file, real_->OpenFile(entry));
      if (all_.at_open_) all_.at_open_();
      return std::unique_ptr<SourceFile>(std::make_unique<File>(std::move(file), all_.counts_));
    }
    Result<SourceMetadata> ReadMetadata(const SourceEntry& entry) override { return real_->ReadMetadata(entry); }

   private:
    const std::shared_ptr<SourceFolder> real_;
    CountedFiles& all_;
  };
  Counts& counts_;
  const std::function<void()> at_open_;
};

class OpensAhead : public BackupTest {
 protected:
  OpensAhead() {
    for (int n = 0; n < 200; ++n) many_["f" + std::to_string(n)] = RandomText(static_cast<uint32_t>(n), 300);
  }
  // The snapshot, and what could not be read.
  SnapshotId Backup(Machine& machine, std::function<void()> at_open = {}) {
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<CountedFiles>(many_, counts_, std::move(at_open)));
    BackupOptions options;
    options.host = ToBytes(AsBytes("machine"));
    const auto report = RunBackup(machine.context.job, *machine.repository, std::move(sources), options,
                                  [&](const Finding& finding) { found_.push_back(finding.object); });
    EXPECT_TRUE(report);
    return *report->id;
  }
  MemoryFiles many_;
  CountedFiles::Counts counts_;
  std::vector<std::string> found_;
};

TEST_F(OpensAhead, OfTheirReadingAndFewAtOnce) {
  Machine machine(store_, 1);
  const SnapshotId id = Backup(machine);
  EXPECT_EQ(counts_.opened, 199);
  EXPECT_EQ(counts_.announced, 199);
  EXPECT_EQ(counts_.read_unannounced, 0);
  EXPECT_EQ(counts_.open_max, 8);
  EXPECT_EQ(counts_.open, 0);
  EXPECT_EQ(found_, std::vector<std::string>{"/f7"}) << "in its turn, and the others are there";
  many_.erase("f7");
  EXPECT_EQ(machine.Read(id), many_);
}

TEST_F(OpensAhead, AsManyAsThereAreDescriptors) {
  many_.erase("f7");
  counts_.few_descriptors = true;
  Machine machine(store_, 1);
  const SnapshotId id = Backup(machine);
  EXPECT_EQ(found_, std::vector<std::string>{});
  EXPECT_EQ(counts_.open_max, 2);
  EXPECT_EQ(machine.Read(id), many_);
}

// What is read later than it was opened is in doubt from the opening on.
TEST_F(OpensAhead, AFileIsInDoubtFromBeforeItsOpening) {
  many_.erase("f7");
  const UnixNs changed = Changed(many_);  // of the first
  {
    Machine first(store_, 1);
    first.context.clock.SetNow(changed + 1'000'000);
    Backup(first, [&] { first.context.clock.SetNow(changed + 3'600'000'000'000); });
  }
  Machine other(store_, 2);  // has the tree of the first to compare with
  other.context.clock.SetNow(changed + 7'200'000'000'000);
  EXPECT_EQ(BytesRead(other, many_), 300u) << "the first, which was opened near the time of its change";
}

// Whose folder takes its time to go, and notes whether the source went first.
class SlowToGo : public MemorySource {
 public:
  struct Seen {
    std::atomic<bool> is_source_gone = false, was_source_gone = false;
  };
  SlowToGo(const MemoryFiles& files, Seen& seen, std::function<void()> at_open)
      : MemorySource(files), seen_(seen), at_open_(std::move(at_open)) {}
  ~SlowToGo() override { seen_.is_source_gone = true; }
  Result<std::shared_ptr<SourceFolder>> OpenRoot(FindingSink findings) override {
    ASSIGN_OR_RETURN(auto root, MemorySource::OpenRoot(std::move(findings)));
    return std::make_shared<Folder>(std::move(root), *this);
  }

 private:
  class Folder : public SourceFolder {
   public:
    Folder(std::shared_ptr<SourceFolder> real, const SlowToGo& all)
        : real_(std::move(real)), seen_(all.seen_), at_open_(all.at_open_) {}
    ~Folder() override {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      if (seen_.is_source_gone) seen_.was_source_gone = true;
    }
    Result<std::vector<SourceEntry>> List() override { return real_->List(); }
    Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry& entry) override {
      return real_->OpenFolder(entry);
    }
    Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry& entry) override {
      at_open_();
      return real_->OpenFile(entry);
    }
    Result<SourceMetadata> ReadMetadata(const SourceEntry& entry) override { return real_->ReadMetadata(entry); }

   private:
    const std::shared_ptr<SourceFolder> real_;
    Seen& seen_;
    const std::function<void()> at_open_;
  };
  Seen& seen_;
  const std::function<void()> at_open_;
};

TEST_F(BackupTest, HoldsNothingOfASourceAnyMoreWhenItWasInterrupted) {
  SlowToGo::Seen seen;
  {
    Machine machine(store_, 1, 2);
    const MemoryFiles files{{"a", RandomText(1, 300)}, {"b", RandomText(2, 300)}, {"c", RandomText(3, 300)}};
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<SlowToGo>(files, seen, [&] { machine.context.stop.request_stop(); }));
    BackupOptions options;
    options.host = ToBytes(AsBytes("machine"));
    EXPECT_THAT(RunBackup(machine.context.job, *machine.repository, std::move(sources), options, {}),
                ErrorCodeIs(ErrorCode::kInterrupted));
  }
  EXPECT_TRUE(seen.is_source_gone);
  EXPECT_FALSE(seen.was_source_gone);
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
  for (const int64_t absurd : {INT64_MIN, INT64_MAX}) EXPECT_FALSE(at(absurd, 5).MayMissChange({-100, 0}));
}

}  // namespace
}  // namespace cairn
