#include "engine/jobs/folder_ahead.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "tests/support/fake_clock.h"

namespace cairn {
namespace {

// A folder that counts how often one in it was read, and may hold that back.
class CountingFolder : public SourceFolder {
 public:
  explicit CountingFolder(std::shared_future<void> gate = {}) : gate_(std::move(gate)) {}
  Result<std::vector<SourceEntry>> List() override { return std::vector<SourceEntry>(3); }
  Result<std::shared_ptr<SourceFolder>> OpenFolder(const SourceEntry&) override {
    ++begun;
    if (gate_.valid()) gate_.wait();
    ++read;
    return std::shared_ptr<SourceFolder>(std::make_shared<CountingFolder>());
  }
  Result<std::unique_ptr<SourceFile>> OpenFile(const SourceEntry&) override { return Corrupt("no file"); }
  Result<SourceMetadata> ReadMetadata(const SourceEntry&) override { return SourceMetadata{}; }

  std::atomic<int> begun = 0, read = 0;

 private:
  const std::shared_future<void> gate_;
};

class FolderAheadTest : public testing::Test {
 protected:
  std::unique_ptr<FolderAhead> Ahead(Executor& executor, std::shared_ptr<SourceFolder> folder) {
    return std::make_unique<FolderAhead>(executor, clock_, load_, std::move(folder), SourceEntry{});
  }

  FakeClock clock_;
  const std::shared_ptr<AheadLoad> load_ = std::make_shared<AheadLoad>();
};

TEST_F(FolderAheadTest, GivesWhatWasReadAndCountsItUntilThen) {
  const auto folder = std::make_shared<CountingFolder>();
  const auto executor = MakeInlineExecutor();
  const auto ahead = Ahead(*executor, folder);
  EXPECT_EQ(folder->read, 1);
  EXPECT_EQ(load_->tasks, 0U);
  EXPECT_EQ(load_->entries, 3U);
  auto reading = ahead->Take();
  ASSERT_TRUE(reading.has_value() && reading->has_value() && (*reading)->entries);
  EXPECT_EQ((*reading)->entries->size(), 3U);
  EXPECT_EQ(load_->entries, 0U);
}

TEST_F(FolderAheadTest, WhatNoThreadHasComeToIsLeftToTheCaller) {
  const auto folder = std::make_shared<CountingFolder>();
  std::promise<void> gate;
  const auto executor = MakeThreadPool(1);
  executor->Submit([opened = gate.get_future().share()] { opened.wait(); });
  const auto ahead = Ahead(*executor, folder);
  EXPECT_EQ(load_->tasks, 1U);
  EXPECT_FALSE(ahead->Take().has_value());
  EXPECT_EQ(folder.use_count(), 1) << "nothing holds the folder any more";
  gate.set_value();
}

TEST_F(FolderAheadTest, WhatWasReadLongAgoIsReadAgain) {
  const auto folder = std::make_shared<CountingFolder>();
  const auto executor = MakeInlineExecutor();
  const auto ahead = Ahead(*executor, folder);
  clock_.Advance(FolderAhead::kAgeMax + std::chrono::milliseconds(1));
  EXPECT_FALSE(ahead->Take().has_value());
  EXPECT_EQ(load_->entries, 0U);
}

TEST_F(FolderAheadTest, WhatWasFoundComesWithTheReadingAndNotBefore) {
  class Finder : public CountingFolder {
   public:
    Result<SourceMetadata> ReadMetadata(const SourceEntry&) override {
      is_collected = FolderAhead::Collects({Finding::Severity::kWarning, ErrorCode::kPermission, "a", "b"});
      return SourceMetadata{};
    }
    bool is_collected = false;
  };
  const auto folder = std::make_shared<Finder>();
  const auto executor = MakeInlineExecutor();
  const auto ahead = Ahead(*executor, folder);
  EXPECT_TRUE(folder->is_collected);
  auto reading = ahead->Take();
  ASSERT_TRUE(reading.has_value() && reading->has_value());
  ASSERT_EQ((*reading)->findings.size(), 1U);
  EXPECT_EQ((*reading)->findings[0].object, "a");
  ASSERT_TRUE(ReadFolder(*folder, SourceEntry{}).has_value());
  EXPECT_FALSE(folder->is_collected) << "who reads for itself tells at once";
}

TEST_F(FolderAheadTest, NoMoreIsBegunWhereManyEntriesWait) {
  const auto folder = std::make_shared<CountingFolder>();
  const auto executor = MakeInlineExecutor();
  load_->entries = AheadLoad::kEntriesMax;
  const auto ahead = Ahead(*executor, folder);
  EXPECT_EQ(folder->begun, 0);
  EXPECT_FALSE(ahead->Take().has_value());
  EXPECT_EQ(load_->entries, AheadLoad::kEntriesMax);
}

TEST_F(FolderAheadTest, NothingRunsAnyMoreWhenItIsGone) {
  std::promise<void> gate;
  const auto folder = std::make_shared<CountingFolder>(gate.get_future().share());
  const auto executor = MakeThreadPool(1);
  auto ahead = Ahead(*executor, folder);
  while (folder->begun == 0) std::this_thread::yield();
  auto gone = std::async(std::launch::async, [&] { ahead.reset(); });
  EXPECT_EQ(gone.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  gate.set_value();
  gone.get();
  EXPECT_EQ(folder->read, 1);
  EXPECT_EQ(load_->entries, 0U);
}

}  // namespace
}  // namespace cairn
