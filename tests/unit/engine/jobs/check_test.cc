#include "engine/jobs/check.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "engine/store/presence_store.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

class CheckTest : public testing::Test {
 protected:
  CheckTest() {
    InitForTests(memory_);
    Machine machine(memory_, 1);
    for (uint32_t i = 0; i < 4; ++i) {  // each in a pack of its own
      files_["file" + std::to_string(i)] = RandomText(i, 3'000);
      EXPECT_TRUE(machine.Backup(files_));
    }
  }

  Result<CheckReport> Check(Machine& machine) {
    return RunCheck(machine.context.job, *machine.repository, {.data = CheckOptions::Data::kAll},
                    [this](const Finding& finding) { findings_.push_back(finding); });
  }

  std::vector<ObjectName> DataPacks() {
    std::vector<ObjectName> names;
    for (const auto& [name, bytes] : memory_.Contents()) {
      if (name.starts_with("data/")) names.push_back(*ObjectName::Parse(name));
    }
    return names;
  }

  MemoryStore memory_;
  MemoryFiles files_;
  std::vector<Finding> findings_;
};

TEST_F(CheckTest, FindsNothingInAGoodRepository) {
  Machine machine(memory_, 2);
  const auto report = Check(machine);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->damages, 0u);
  EXPECT_EQ(report->snapshots, 4u);
  EXPECT_EQ(report->packs_read, report->packs);
  EXPECT_TRUE(report->ids_checked);
  EXPECT_TRUE(findings_.empty());
}

// A stop after the last pack was handed out left packs unread, and was told as a repository without damage.
TEST_F(CheckTest, AStopWhileTheLastPacksWaitIsTold) {
  FaultStore store(memory_);
  Machine machine(store, 2, 1);
  store.SetHook([&](const StoreCall& call) {
    if (!call.name.starts_with("data/") || call.operation != StoreOperation::kGet) return;
    if (machine.context.stop.stop_requested()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));  // meanwhile the other packs are handed out
    machine.context.stop.request_stop();
  });
  const auto report = Check(machine);
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), ErrorCode::kInterrupted) << report.error().message();
}

// By its place in a list a pack moved with each backup into another part, and could be passed over for a whole round.
TEST_F(CheckTest, APackIsInTheSamePartWhateverElseThereIs) {
  constexpr uint32_t kParts = 3;
  for (uint32_t part = 1; part <= kParts; ++part) {
    FaultStore store(memory_);
    Machine machine(store, 10 + part);
    std::set<std::string> read;
    store.SetHook([&](const StoreCall& call) {
      const bool is_pack = call.name.starts_with("data/") || call.name.starts_with("meta/");
      if (is_pack && call.operation == StoreOperation::kGet) read.insert(call.name);
    });
    const CheckOptions options{.data = CheckOptions::Data::kPart, .part = part, .parts = kParts};
    ASSERT_TRUE(RunCheck(machine.context.job, *machine.repository, options, {}));
    for (const auto& [name, bytes] : memory_.Contents()) {
      const ParsedName parsed = ParseObjectName(name);
      if (parsed.kind != ParsedName::Kind::kPack) continue;
      uint64_t number = 0;
      for (size_t i = 0; i < 8; ++i) number = number * 256 + parsed.pack.digest.bytes()[i];
      EXPECT_EQ(read.contains(name), number % kParts == part - 1) << name;
    }
    Machine writer(memory_, 20 + part);  // a backup beside the round
    files_["more" + std::to_string(part)] = RandomText(100 + part, 3'000);
    ASSERT_TRUE(writer.Backup(files_));
  }
}

// By the index that was read first, what the prune has moved is gone.
TEST_F(CheckTest, WhatAPruneMovesMeanwhileIsNoDamage) {
  Machine pruner(memory_, 3);
  MemoryFiles less{{"file1", files_["file1"]}, {"new", RandomText(9, 3'000)}};
  MemoryFiles more = less;
  more["gone"] = RandomText(10, 3'000);
  const auto going = pruner.Backup(more);
  ASSERT_TRUE(going && pruner.Backup(less));
  ASSERT_TRUE(pruner.Forget({*going->id}));
  FaultStore store(memory_);
  Machine machine(store, 2);
  bool pruned = false;
  store.SetHook([&](const StoreCall& call) {
    if (pruned || call.operation != StoreOperation::kGet || !call.name.starts_with("data/")) return;
    pruned = true;
    const auto report = pruner.Prune(0);
    ASSERT_TRUE(report);
    EXPECT_GT(report->packs_removed, 0u);
  });
  const auto report = Check(machine);
  ASSERT_TRUE(report && pruned);
  EXPECT_EQ(report->damages, 0u);
  EXPECT_TRUE(findings_.empty()) << findings_.front().object << findings_.front().detail;
}

TEST_F(CheckTest, FindingsEqualTheDamage) {
  const auto packs = DataPacks();
  ASSERT_EQ(packs.size(), 4u);
  ASSERT_TRUE(memory_.Remove(packs[0]));
  ASSERT_TRUE(memory_.Damage(packs[1], [](Bytes& bytes) { bytes[100] ^= 1; }));
  ASSERT_TRUE(memory_.Damage(packs[2], [](Bytes& bytes) { bytes.resize(bytes.size() / 2); }));
  Machine machine(memory_, 2);
  const auto report = Check(machine);
  ASSERT_TRUE(report) << report.error().message();
  std::set<std::string> damaged, files;
  for (const Finding& finding : findings_) {
    if (finding.severity == Finding::Severity::kDamage) damaged.insert(finding.object);
    if (finding.severity == Finding::Severity::kWarning) files.insert(finding.object.substr(finding.object.find(":/")));
  }
  EXPECT_EQ(damaged, (std::set<std::string>{packs[0].text(), packs[1].text(), packs[2].text()}));
  EXPECT_EQ(report->damages, 3u) << "one for each, and no more";
  EXPECT_EQ(files.size(), 3u) << "each damaged pack holds one file's bytes";
}

// An answer of the store's that is none was told as damage, and the files of its packs as hit by it.
TEST_F(CheckTest, APackThatCannotBeReadIsNeitherDamageNorSound) {
  const auto packs = DataPacks();
  FaultStore store(memory_);
  Machine machine(store, 2);
  store.FailWhere([&](const StoreCall& call) { return call.name == packs[1].text(); }, FaultStore::Broken());
  ASSERT_TRUE(memory_.Damage(packs[2], [](Bytes& bytes) { bytes[100] ^= 1; }));
  const auto report = Check(machine);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->unread, 1u);
  EXPECT_EQ(report->damages, 1u);
  EXPECT_EQ(report->packs_read, report->packs - 1);
  for (const Finding& finding : findings_) {
    if (finding.severity == Finding::Severity::kUnread) {
      EXPECT_EQ(finding.object, packs[1].text());
    }
    if (finding.severity == Finding::Severity::kDamage) {
      EXPECT_EQ(finding.object, packs[2].text());
    }
  }
  EXPECT_EQ(findings_.size(), 3u) << "and the one file that the damage hits";
}

// It was damage, and so was whatever only such a segment names; the advice was to repair it.
TEST_F(CheckTest, WhatALaterVersionWroteIsNoDamage) {
  const auto good = memory_.Contents();
  for (const std::string_view prefix : {"index/", "snapshots/"}) {
    SCOPED_TRACE(prefix);
    memory_.SetContents(good);
    for (const auto& [name, bytes] : good) {
      if (!name.starts_with(prefix)) continue;
      ASSERT_TRUE(memory_.Damage(*ObjectName::Parse(name), [](Bytes& object) { object[7] = 2; }));
    }
    Machine machine(memory_, 2);
    findings_.clear();
    const auto report = Check(machine);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_EQ(report->damages, 0u);
    for (const Finding& finding : findings_) {
      EXPECT_NE(finding.severity, Finding::Severity::kDamage) << finding.object << ": " << finding.detail;
    }
    EXPECT_GT(report->unread, 0u);
  }
}

// Each call in its turn is the first that the store does not answer: it was damage for each object that came after it.
TEST_F(CheckTest, AStoreThatGoesAwayIsNoDamage) {
  uint64_t calls = 0;
  {
    FaultStore store(memory_);
    Machine machine(store, 2);
    calls = store.calls();
    ASSERT_TRUE(Check(machine));
    calls = store.calls() - calls;
  }
  for (uint64_t n = 1; n <= calls; ++n) {
    FaultStore store(memory_);
    PresenceStore presence(store);
    Machine machine(presence, 100 + n);
    const uint64_t last = store.calls() + n - 1;
    store.FailWhere([&](const StoreCall& call) { return call.number > last; }, FaultStore::Transient());
    findings_.clear();
    const auto report = Check(machine);
    ASSERT_FALSE(report) << n;
    EXPECT_EQ(report.error().code(), ErrorCode::kStoreAway) << n << ": " << report.error().message();
    EXPECT_NE(report.error().message().find("the check ended while"), std::string::npos) << report.error().message();
    EXPECT_TRUE(findings_.empty()) << n << ": " << findings_.front().object << ": " << findings_.front().detail;
  }
}

class RecordingLocker final : public ObjectLocker {
 public:
  Result<bool> ExtendLock(const ObjectName& name) override {
    const std::lock_guard lock(mutex_);
    names_.insert(name.text());
    return true;
  }
  bool Has(const std::string& name) const { return names_.contains(name); }

 private:
  std::mutex mutex_;
  std::set<std::string> names_;  // guarded by mutex_
};

// The last one of the backups, whose blobs nothing else has.
std::string NewestIn(const MemoryStore& memory, std::string_view prefix, std::set<std::string>& known) {
  std::string newest;
  for (const auto& [name, bytes] : memory.Contents()) {
    if (name.starts_with(prefix) && known.insert(name).second) newest = name;
  }
  return newest;
}

TEST_F(CheckTest, LocksOfWhatIsNotNeededRunOut) {
  Machine machine(memory_, 2);
  const auto gone = machine.Backup({{"other", RandomText(40, 3'000)}});
  std::set<std::string> known;
  NewestIn(memory_, "data/", known);
  ASSERT_TRUE(gone && machine.Backup({{"more", RandomText(41, 3'000)}}));
  const std::string needed = NewestIn(memory_, "data/", known);
  ASSERT_TRUE(machine.Forget({*gone->id}));
  RecordingLocker locker;
  const auto report = RunCheck(machine.context.job, *machine.repository, {.locker = &locker}, {});
  ASSERT_TRUE(report);
  EXPECT_TRUE(locker.Has(needed));
  size_t left_alone = 0;
  for (const ObjectName& pack : DataPacks()) left_alone += locker.Has(pack.text()) ? 0 : 1;
  EXPECT_EQ(left_alone, 1u);
}

// Below what could not be read nothing was marked as needed, and its locks ran out: what a repair would have saved
// could be removed.
TEST_F(CheckTest, DamageOfTreesOrOfTheIndexLeavesNoPackWithoutItsLock) {
  for (const std::string_view hit : {"meta/", "index/", "snapshots/"}) {
    MemoryStore memory;
    InitForTests(memory);
    Machine writer(memory, 1);
    ASSERT_TRUE(writer.Backup({{"first", RandomText(50, 3'000)}}));
    std::set<std::string> known;
    NewestIn(memory, hit, known);
    ASSERT_TRUE(writer.Backup({{"second", RandomText(51, 3'000)}}));
    const auto name = ObjectName::Parse(NewestIn(memory, hit, known));
    ASSERT_TRUE(name);
    ASSERT_TRUE(memory.Damage(*name, [](Bytes& bytes) { bytes[100] ^= 1; }));
    Machine machine(memory, 2);
    RecordingLocker locker;
    const auto report = RunCheck(machine.context.job, *machine.repository, {.locker = &locker}, {});
    ASSERT_TRUE(report) << hit;
    EXPECT_GT(report->damages, 0u) << hit;
    for (const auto& [pack, bytes] : memory.Contents()) {
      if (pack.starts_with("data/") || pack.starts_with("meta/")) {
        EXPECT_TRUE(locker.Has(pack)) << hit << ": " << pack;
      }
    }
  }
}

}  // namespace
}  // namespace cairn
