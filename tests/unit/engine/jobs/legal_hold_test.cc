#include "engine/jobs/legal_hold.h"

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

using testing::HasSubstr;

// Of a store that keeps what is removed: each name that was ever held, too, is a version.
class MemoryHolder final : public ObjectHolder {
 public:
  explicit MemoryHolder(MemoryStore& store) : store_(store) {}

  Result<void> Hold(const ObjectName& name) override {
    RETURN_IF_ERROR(Called());
    RETURN_IF_ERROR(store_.Stat(name));
    const std::lock_guard lock(mutex_);
    if (!lies_) held_.insert(name.text());
    return {};
  }
  Result<bool> IsHeld(const ObjectName& name) override {
    RETURN_IF_ERROR(Called());
    RETURN_IF_ERROR(store_.Stat(name));
    const std::lock_guard lock(mutex_);
    return held_.contains(name.text());
  }
  Result<bool> IsVersionHeld(const ObjectVersion& version) override {
    RETURN_IF_ERROR(Called());
    const std::lock_guard lock(mutex_);
    return held_.contains(version.name.text());
  }
  Result<void> ListVersions(const std::function<Result<void>(const ObjectVersion&)>& each) override {
    RETURN_IF_ERROR(Called());
    std::set<std::string> all = held_;
    for (const auto& [name, bytes] : store_.Contents()) all.insert(name);
    for (const std::string& name : all) RETURN_IF_ERROR(each({*ObjectName::Parse(name), "1"}));
    return {};
  }
  Result<bool> Release(const ObjectVersion& version) override {
    RETURN_IF_ERROR(Called());
    const bool was_held = Forget(version.name.text());
    if (was_held && on_release) std::exchange(on_release, nullptr)();
    return was_held;
  }

  // As an owner of the bucket does it, behind everybody's back.
  void HoldBeside(const std::string& name) { held_.insert(name); }
  void Lie() { lies_ = true; }
  // The nth call from now on, from 1, and all after it; 0: none.
  void FailFrom(uint64_t n) { fails_in_ = n; }
  bool failed() const { return failed_; }
  const std::set<std::string>& held() const { return held_; }

  std::function<void()> on_release;  // once, after the first release that freed something

 private:
  Result<void> Called() {
    const std::lock_guard lock(mutex_);
    if (fails_in_ == 0 || --fails_in_ > 0) return {};
    fails_in_ = 1;
    failed_ = true;
    return Error(ErrorCode::kIo, "the store is away, says the test");
  }
  bool Forget(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return held_.erase(name) > 0;
  }

  MemoryStore& store_;
  std::mutex mutex_;
  std::set<std::string> held_;  // guarded by mutex_, as what follows
  uint64_t fails_in_ = 0;
  bool failed_ = false, lies_ = false;
};

// What a pack has several of.
MemoryFiles Many() {
  MemoryFiles files;
  for (uint32_t i = 0; i < 20; ++i) files["file" + std::to_string(i)] = RandomText(i, 600);
  return files;
}
// So that a prune moves them.
MemoryFiles EveryOther(const MemoryFiles& files) {
  MemoryFiles some;
  for (const auto& one : files) {
    if (some.size() * 2 <= static_cast<size_t>(std::distance(files.begin(), files.find(one.first)))) some.insert(one);
  }
  return some;
}

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
    return ReleaseSnapshots(machine_.context.job, *machine_.repository, set, {id}, holder_);
  }
  // A thief with all keys: of what is below the prefix only what is held is left, hidden versions of it too.
  void LoseWhatIsNotHeld(MemoryStore& store) const {
    std::map<std::string, Bytes> left;
    for (const auto& [name, bytes] : ever_) {
      if (holder_.held().contains(name)) left.emplace(name, bytes);
    }
    store.SetContents(left);
  }
  // What is there now comes back where it is held, whatever removes it.
  void Remember() {
    for (const auto& [name, bytes] : memory_.Contents()) ever_.emplace(name, bytes);
  }
  void ExpectHeld(const SnapshotId& id, const MemoryFiles& files) {
    Remember();
    MemoryStore after_a_thief;
    LoseWhatIsNotHeld(after_a_thief);
    Machine reader(after_a_thief, 77);
    EXPECT_TRUE(reader.Read(id) == files);
  }

  static MemoryStore& Initialized(MemoryStore& store) {
    InitForTests(store);
    return store;
  }

  std::map<std::string, Bytes> ever_;
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

// The pack that was held is hidden, and the one that took its place is held by nobody: what was released was all that
// held the other snapshot.
TEST_F(LegalHoldTest, AReleaseAfterAPruneLeavesTheOthersHeld) {
  const MemoryFiles more = Many(), files = EveryOther(more);
  const SnapshotId going = Backup(more);
  const SnapshotId held = Backup(files), released = Backup({{"other", RandomText(3, 9'000)}});
  ASSERT_OK(Hold(held));
  ASSERT_OK(Hold(released));
  Remember();
  ASSERT_OK(machine_.Forget({going}));
  ASSERT_OK_AND_ASSIGN(const PruneReport pruned, machine_.Prune(0));
  ASSERT_GT(pruned.packs_removed, 0u);
  ASSERT_GT(pruned.packs_written, 0u);
  ExpectHeld(held, files);
  ASSERT_OK(Release(released));
  ExpectHeld(held, files);
  ASSERT_OK(Release(held));
  EXPECT_TRUE(holder_.held().empty());
}

// Forgotten since by who may: nobody knows any more what it needs, and it was held so that this is no end of it.
TEST_F(LegalHoldTest, NothingIsReleasedBesideOneThatIsHeldAndHidden) {
  const MemoryFiles files{{"a", RandomText(1, 9'000)}};
  const SnapshotId hidden = Backup(files), other = Backup({{"b", RandomText(2, 9'000)}});
  ASSERT_OK(Hold(hidden));
  ASSERT_OK(Hold(other));
  Remember();
  ASSERT_OK(machine_.Forget({hidden}));
  ASSERT_OK(machine_.Prune(0));
  const auto before = holder_.held();
  EXPECT_THAT(Release(other), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr(hidden.ToHex())));
  EXPECT_EQ(holder_.held(), before);
  ExpectHeld(hidden, files);
  ASSERT_OK(ReleaseSnapshots(machine_.context.job, *machine_.repository, Set(), {hidden, other}, holder_));
  EXPECT_TRUE(holder_.held().empty());
}

TEST_F(LegalHoldTest, OneThatIsHiddenIsReleasedByItsName) {
  const MemoryFiles files{{"b", RandomText(2, 9'000)}};
  const SnapshotId hidden = Backup({{"a", RandomText(1, 9'000)}}), other = Backup(files);
  ASSERT_OK(Hold(hidden));
  ASSERT_OK(Hold(other));
  Remember();
  ASSERT_OK(machine_.Forget({hidden}));
  ASSERT_OK(machine_.Prune(0));
  ASSERT_OK(ReleaseSnapshots(machine_.context.job, *machine_.repository, Set(), {hidden}, holder_));
  EXPECT_FALSE(holder_.held().contains(SnapshotName(hidden).text()));
  ExpectHeld(other, files);
}

// A damaged one is in no set.
TEST_F(LegalHoldTest, NothingIsReleasedBesideOneThatIsHeldAndCannotBeRead) {
  const SnapshotId broken = Backup({{"a", RandomText(1, 9'000)}}), other = Backup({{"b", RandomText(2, 9'000)}});
  ASSERT_OK(Hold(broken));
  ASSERT_OK(Hold(other));
  const auto before = holder_.held();
  ASSERT_TRUE(memory_.Damage(SnapshotName(broken), [](Bytes& bytes) { bytes.back() ^= 1; }));
  Machine fresh(memory_, 5);
  const auto set = LoadSnapshots(*fresh.repository, fresh.context.job, {});
  ASSERT_OK(set);
  EXPECT_THAT(ReleaseSnapshots(fresh.context.job, *fresh.repository, *set, {other}, holder_),
              ErrorIs(ErrorCode::kInvalidArgument, HasSubstr(broken.ToHex())));
  EXPECT_EQ(holder_.held(), before);
}

// Of another repository below the prefix, or of another program.
TEST_F(LegalHoldTest, WhatIsNotCairnsIsNotReleased) {
  const SnapshotId id = Backup({{"a", "b"}});
  ASSERT_OK(Hold(id));
  for (const char* name : {"sub/config/1", "invoice"}) {
    ASSERT_OK(memory_.Put(*ObjectName::Parse(name), AsBytes("another's")));
    holder_.HoldBeside(name);
  }
  ASSERT_OK(Release(id));
  EXPECT_EQ(holder_.held(), (std::set<std::string>{"sub/config/1", "invoice"}));
}

TEST_F(LegalHoldTest, AStoreThatHoldsNothingAndSaysSoIsFoundOut) {
  const SnapshotId id = Backup({{"a", "b"}});
  holder_.Lie();
  EXPECT_THAT(Hold(id), ErrorIs(ErrorCode::kIo, HasSubstr("and then that it does not")));
}

// It looked for those that are held before the other began.
TEST_F(LegalHoldTest, WhatIsHeldWhileAnotherIsReleasedStaysHeld) {
  const std::string shared = RandomText(1, 9'000);
  const MemoryFiles files{{"shared", shared}, {"more", RandomText(2, 9'000)}};
  const SnapshotId released = Backup({{"shared", shared}}), held = Backup(files);
  ASSERT_OK(Hold(released));
  Machine other(memory_, 6);
  holder_.on_release = [&] {
    const auto set = LoadSnapshots(*other.repository, other.context.job, {});
    ASSERT_OK(set);
    ASSERT_OK(HoldSnapshots(other.context.job, *other.repository, {Find(*set, held)}, holder_));
  };
  ASSERT_OK(Release(released));
  EXPECT_FALSE(holder_.on_release) << "it was called";
  ExpectHeld(held, files);
  EXPECT_FALSE(holder_.held().contains(SnapshotName(released).text()));
}

// Whichever call of it fails, and all after it.
TEST_F(LegalHoldTest, AHoldThatBreaksOffIsToldAndCanBeDoneAgainOrReleased) {
  const MemoryFiles files{{"a", RandomText(1, 9'000)}};
  const SnapshotId id = Backup(files);
  for (uint64_t n = 1;; ++n) {
    SCOPED_TRACE(n);
    ASSERT_LT(n, 500u);
    for (const bool is_held_again : {true, false}) {
      MemoryHolder& holder = holder_;
      holder.FailFrom(n);
      const auto report = Hold(id);
      holder.FailFrom(0);
      if (report) {
        ExpectHeld(id, files);
        return;
      }
      EXPECT_THAT(report, ErrorCodeIs(ErrorCode::kIo));
      if (is_held_again) {
        ASSERT_OK(Hold(id));
        ExpectHeld(id, files);
      }
      if (holder.held().empty()) continue;
      ASSERT_OK(Release(id));
      EXPECT_TRUE(holder.held().empty());
    }
  }
}

TEST_F(LegalHoldTest, AReleaseThatBreaksOffIsToldAndCanBeDoneAgain) {
  const std::string shared = RandomText(1, 9'000);
  const MemoryFiles files{{"shared", shared}, {"second", RandomText(3, 9'000)}};
  const SnapshotId first = Backup({{"shared", shared}, {"first", RandomText(2, 9'000)}});
  const SnapshotId second = Backup(files);
  ASSERT_OK(Hold(second));
  const std::set<std::string> of_second = holder_.held();
  for (uint64_t n = 1;; ++n) {
    SCOPED_TRACE(n);
    ASSERT_LT(n, 1'000u);
    ASSERT_OK(Hold(first));
    holder_.FailFrom(n);
    const auto report = Release(first);
    holder_.FailFrom(0);
    ExpectHeld(second, files);
    if (report) break;
    EXPECT_THAT(report, ErrorCodeIs(ErrorCode::kIo));
    ASSERT_OK(Release(first));
    EXPECT_EQ(holder_.held(), of_second);
  }
  EXPECT_EQ(holder_.held(), of_second);
}

// A segment that comes while it is found out what is needed may be the only one that says where a blob was moved.
TEST_F(LegalHoldTest, WhatAPruneMovesMeanwhileIsHeldWithWhatSaysSo) {
  const MemoryFiles more = Many(), files = EveryOther(more);
  const SnapshotId going = Backup(more), held = Backup(files);
  ASSERT_OK(machine_.Forget({going}));
  uint64_t n = 1;
  for (bool ran = true; ran; ++n) {
    SCOPED_TRACE(n);
    ASSERT_LT(n, 500u);
    MemoryStore memory;
    memory.SetContents(memory_.Contents());
    FaultStore faults(memory);
    MemoryHolder holder(memory);
    Machine holding(faults, 10), pruning(memory, 11);
    const auto set = LoadSnapshots(*holding.repository, holding.context.job, {});
    ASSERT_OK(set);
    std::map<std::string, Bytes> ever;
    const auto remember = [&] {
      for (const auto& [name, bytes] : memory.Contents()) ever.emplace(name, bytes);
    };
    remember();
    ran = false;
    const uint64_t at = faults.InterceptedStore::calls() + n;
    faults.SetHook([&](const StoreCall& call) {
      if (call.number != at) return;
      ran = true;
      ASSERT_OK(pruning.Prune(0));
      remember();
    });
    ASSERT_OK(HoldSnapshots(holding.context.job, *holding.repository, {Find(*set, held)}, holder));
    std::erase_if(ever, [&](const auto& one) { return !holder.held().contains(one.first); });
    MemoryStore after_a_thief;
    after_a_thief.SetContents(ever);
    Machine reader(after_a_thief, 77);
    EXPECT_TRUE(reader.Read(held) == files);
  }
  EXPECT_GT(n, 5u);
}

}  // namespace
}  // namespace cairn
