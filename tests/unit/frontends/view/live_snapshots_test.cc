#include "frontends/view/live_snapshots.h"

#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn::view {
namespace {

using Look = ViewTree::Look;

class LiveSnapshotsTest : public testing::Test {
 protected:
  void SetUp() override {
    InitForTests(memory_);
    writer_ = std::make_unique<Machine>(memory_, 1);
    reader_ = std::make_unique<Machine>(store_, 2);
    AddSnapshot();
    live_ = std::make_unique<LiveSnapshots>(*reader_->repository, reader_->context.job, SnapshotFilter(), FindingSink(),
                                            [this] { ++changes_; });
  }

  SnapshotId AddSnapshot() {
    writer_->context.clock.Advance(std::chrono::hours(1));
    const auto report = writer_->Backup({{"file", std::to_string(++backups_)}});
    EXPECT_OK(report);
    return report->id.value();
  }
  size_t Shown(Look look = Look::kUsual) {
    const auto folders = live_->Look(look);
    EXPECT_OK(folders);
    return folders ? (*folders)->Find("by-id")->entries.size() : 0;
  }
  void Wait(std::chrono::nanoseconds span) { reader_->context.clock.Advance(span); }
  uint64_t lists() const { return store_.calls(StoreOperation::kList); }

  MemoryStore memory_;
  FaultStore store_{memory_};
  std::unique_ptr<Machine> writer_, reader_;
  std::atomic<int> changes_ = 0;
  int backups_ = 0;
  std::unique_ptr<LiveSnapshots> live_;
};

TEST_F(LiveSnapshotsTest, AsksTheStoreAtMostEveryFewSeconds) {
  EXPECT_EQ(Shown(), 1);
  const uint64_t before = lists();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(Shown(), 1);
  EXPECT_EQ(lists(), before);
  Wait(std::chrono::seconds(4));
  EXPECT_EQ(Shown(), 1);
  EXPECT_EQ(lists(), before + 2);  // snapshots and notes, and nothing is loaded again
  EXPECT_EQ(changes_, 0);
}

TEST_F(LiveSnapshotsTest, WhatIsNewComesAndWhatWasForgottenGoes) {
  EXPECT_EQ(Shown(), 1);
  const SnapshotId second = AddSnapshot();
  EXPECT_EQ(Shown(), 1);
  Wait(std::chrono::seconds(4));
  EXPECT_EQ(Shown(), 2);
  EXPECT_EQ(changes_, 1);
  EXPECT_OK(writer_->Forget({second}));
  EXPECT_TRUE(live_->Look(Look::kUsual).value()->Has(second));
  Wait(std::chrono::milliseconds(200));
  EXPECT_FALSE(live_->Look(Look::kDoubt).value()->Has(second));
  EXPECT_EQ(Shown(), 1);
}

TEST_F(LiveSnapshotsTest, AStoreThatFailsLeavesWhatWas) {
  EXPECT_EQ(Shown(), 1);
  AddSnapshot();
  store_.FailWhere([](const StoreCall&) { return true; }, FaultStore::Broken());
  Wait(std::chrono::seconds(4));
  EXPECT_EQ(Shown(), 1);
  store_.ClearFaults();
  Wait(std::chrono::seconds(4));
  EXPECT_EQ(Shown(), 2);
}

TEST_F(LiveSnapshotsTest, WhatFailsToLoadAtFirstIsLoadedLater) {
  store_.FailWhere([](const StoreCall&) { return true; }, FaultStore::Broken());
  LiveSnapshots later(*reader_->repository, reader_->context.job, SnapshotFilter(), FindingSink(), {});
  EXPECT_FALSE(later.Look(Look::kUsual));
  EXPECT_EQ(later.Look(Look::kAtOnce).value(), nullptr);
  store_.ClearFaults();
  EXPECT_OK(later.Look(Look::kUsual));
}

TEST_F(LiveSnapshotsTest, OnlyWhatTheFilterTakesIsShown) {
  const SnapshotId second = AddSnapshot();
  const SnapshotFilter keep = [&](const LoadedSnapshot& one) { return one.id == second; };
  LiveSnapshots some(*reader_->repository, reader_->context.job, keep, FindingSink(), {});
  const auto folders = some.Look(Look::kUsual);
  ASSERT_OK(folders);
  EXPECT_TRUE((*folders)->Has(second));
  EXPECT_EQ((*folders)->Find("by-id")->entries.size(), 1);
}

}  // namespace
}  // namespace cairn::view
