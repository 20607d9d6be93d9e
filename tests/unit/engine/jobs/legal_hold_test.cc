#include "engine/jobs/legal_hold.h"

#include <map>
#include <mutex>
#include <set>

#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

// Of a store that keeps what is removed: each name that was ever held, too, is a version.
class MemoryHolder final : public ObjectHolder {
 public:
  explicit MemoryHolder(MemoryStore& store) : store_(store) {}

  Result<void> Hold(const ObjectName& name) override {
    RETURN_IF_ERROR(store_.Stat(name));
    const std::lock_guard lock(mutex_);
    held_.insert(name.text());
    return {};
  }
  Result<bool> IsHeld(const ObjectName& name) override {
    RETURN_IF_ERROR(store_.Stat(name));
    const std::lock_guard lock(mutex_);
    return held_.contains(name.text());
  }
  Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>& each) override {
    std::set<std::string> all = held_;
    for (const auto& [name, bytes] : store_.Contents()) all.insert(name);
    for (const std::string& name : all) RETURN_IF_ERROR(each({*ObjectName::Parse(name), "1"}));
    return {};
  }
  Result<bool> Release(const ObjectVersion& version) override {
    const std::lock_guard lock(mutex_);
    return held_.erase(version.name.text()) > 0;
  }

  const std::set<std::string>& held() const { return held_; }

 private:
  MemoryStore& store_;
  std::mutex mutex_;
  std::set<std::string> held_;  // guarded by mutex_
};

class LegalHoldTest : public testing::Test {
 protected:
  SnapshotId Backup(const MemoryFiles& files) {
    const auto report = machine_.Backup(files);
    EXPECT_OK(report);
    return *report->id;
  }
  SnapshotSet Set() { return *LoadSnapshots(*machine_.repository, machine_.context.job, {}); }
  static const LoadedSnapshot* Find(const SnapshotSet& set, const SnapshotId& id) {
    return *ResolveSnapshot(set, id.ToHex(), {});
  }
  Result<HoldReport> Hold(const SnapshotId& id) {
    const SnapshotSet set = Set();
    return HoldSnapshots(machine_.context.job, *machine_.repository, {Find(set, id)}, holder_);
  }
  Result<HoldReport> Release(const SnapshotId& id) {
    const SnapshotSet set = Set();
    return ReleaseSnapshots(machine_.context.job, *machine_.repository, set, {Find(set, id)}, holder_);
  }

  static MemoryStore& Initialized(MemoryStore& store) {
    InitForTests(store);
    return store;
  }

  MemoryStore memory_;
  MemoryHolder holder_{memory_};
  Machine machine_{Initialized(memory_), 1};
};

TEST_F(LegalHoldTest, WhatIsHeldIsEnoughForARestore) {
  const MemoryFiles files{{"a", RandomText(1, 9'000)}, {"b", RandomText(2, 9'000)}};
  Backup({{"other", RandomText(3, 9'000)}});
  const SnapshotId id = Backup(files);
  ASSERT_OK_AND_ASSIGN(const HoldReport report, Hold(id));
  EXPECT_EQ(report.objects, holder_.held().size());
  EXPECT_GT(report.packs, 1u);
  size_t lost = 0;
  for (const auto& [name, bytes] : memory_.Contents()) {
    if (holder_.held().contains(name)) continue;
    ASSERT_OK(memory_.Remove(*ObjectName::Parse(name)));
    ++lost;
  }
  EXPECT_GT(lost, 0u) << "the other snapshot, and its pack";
  Machine reader(memory_, 2);
  EXPECT_TRUE(reader.Read(id) == files);
}

TEST_F(LegalHoldTest, AReleaseLeavesWhatOthersThatAreHeldNeed) {
  const std::string shared = RandomText(1, 9'000);
  const SnapshotId first = Backup({{"shared", shared}, {"first", RandomText(2, 9'000)}});
  const SnapshotId second = Backup({{"shared", shared}, {"second", RandomText(3, 9'000)}});
  ASSERT_OK(Hold(second));
  const std::set<std::string> of_second = holder_.held();
  ASSERT_OK(Hold(first));
  ASSERT_GT(holder_.held().size(), of_second.size());
  ASSERT_OK(Release(first));
  EXPECT_EQ(holder_.held(), of_second);
  ASSERT_OK(Release(second));
  EXPECT_TRUE(holder_.held().empty());
}

// Removed meanwhile: a prune has moved what was in it. The store still keeps, and bills, what is held.
TEST_F(LegalHoldTest, AReleaseFindsWhatIsHiddenToo) {
  const SnapshotId id = Backup({{"a", RandomText(1, 9'000)}});
  ASSERT_OK(Hold(id));
  for (const auto& [name, bytes] : memory_.Contents()) {
    if (name.starts_with("data/")) {
      ASSERT_OK(memory_.Remove(*ObjectName::Parse(name)));
    }
  }
  ASSERT_OK(Release(id));
  EXPECT_TRUE(holder_.held().empty());
}

TEST_F(LegalHoldTest, WhatIsNotHeldIsNotReleased) {
  const SnapshotId id = Backup({{"a", "b"}}), held = Backup({{"a", "c"}});
  ASSERT_OK(Hold(held));
  const auto before = holder_.held();
  EXPECT_THAT(Release(id), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_EQ(holder_.held(), before);
}

TEST_F(LegalHoldTest, WhatLacksABlobIsNotHeldInSilence) {
  const SnapshotId id = Backup({{"a", RandomText(1, 9'000)}});
  for (const auto& [name, bytes] : memory_.Contents()) {
    if (name.starts_with("meta/")) {
      ASSERT_OK(memory_.Remove(*ObjectName::Parse(name)));
    }
  }
  Machine other(memory_, 3);
  const auto set = LoadSnapshots(*other.repository, other.context.job, {});
  EXPECT_FALSE(HoldSnapshots(other.context.job, *other.repository, {Find(*set, id)}, holder_));
}

}  // namespace
}  // namespace cairn
