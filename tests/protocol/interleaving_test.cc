// The interleavings of SPEC section 13, forced: one actor runs inside a store call of another.
#include <gtest/gtest.h>

#include "tests/protocol/shared_repository.h"
#include "tests/support/crash_store.h"

namespace cairn {
namespace {

class Interleaving : public SharedRepository {
 protected:
  const MemoryFiles files_ = MakeFiles({.count = 6});
};

TEST_F(Interleaving, SessionThatSleepsThroughAPruneIsFencedAndBeginsAnew) {
  Machine other(memory_, 2);
  ASSERT_TRUE(other.Backup(files_));
  FaultStore store(memory_);
  Machine sleeper(store, 1);
  const InsideCall sleep(store, IsCommit, [&] {
    // While it sleeps before its commit, all that it reuses is forgotten and pruned by somebody who takes it for dead.
    ASSERT_TRUE(other.ForgetAll());
    ASSERT_TRUE(other.Prune(0));
    const auto pruned = other.Prune(0);
    ASSERT_TRUE(pruned) << pruned.error().message();
  });
  const auto report = sleeper.Backup(files_);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(sleep.ran());
  EXPECT_GE(report->fenced_times, 1u);
  EXPECT_TRUE(sleeper.Read(*report->id) == files_);
  EXPECT_EQ(other.Damages(), 0u);
}

TEST_F(Interleaving, PruneWaitsForASessionThatMayStillNeedThePacks) {
  Machine other(memory_, 2);
  ASSERT_TRUE(other.Backup(files_));
  FaultStore store(memory_);
  Machine writer(store, 1);
  const InsideCall prune(store, IsCommit, [&] {
    ASSERT_TRUE(other.ForgetAll());
    const auto report = other.Prune(kNever);
    ASSERT_TRUE(report) << report.error().message();
    EXPECT_GT(report->packs_waiting, 0u);
    EXPECT_EQ(report->packs_removed, 0u);
    EXPECT_FALSE(report->waiting_for.empty());
  });
  const auto report = writer.Backup(files_);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_EQ(report->fenced_times, 0u);
  EXPECT_TRUE(writer.Read(*report->id) == files_);
  // The next prune finds the session committed: what it needs is rescued, the tombstones are finished.
  const auto after = other.Prune(kNever);
  ASSERT_TRUE(after) << after.error().message();
  EXPECT_EQ(after->packs_waiting, 0u);
  EXPECT_TRUE(writer.Read(*report->id) == files_);
  EXPECT_EQ(other.Damages(), 0u);
}

// A whole forget and prune of everything inside the n-th store call of a backup, for every n.
TEST_F(Interleaving, PruneInsideEveryCallOfABackupLosesNothing) {
  for (uint64_t n = 1;; ++n) {
    MemoryStore memory;
    InitForTests(memory);
    Machine other(memory, 2);
    const auto first = other.Backup(files_);
    ASSERT_TRUE(first);
    FaultStore store(memory);
    Machine writer(store, 1);
    const InsideCall work(store, n, [&] {
      ASSERT_TRUE(other.Forget({*first->id}));  // by name: the writer's own may be there already
      const auto pruned = other.Prune(n % 2 == 0 ? 0 : kNever);
      ASSERT_TRUE(pruned) << pruned.error().message();
    });
    MemoryFiles changed = files_;
    changed["new"] = RandomText(99, 5'000);
    const auto report = writer.Backup(changed);
    if (!work.ran()) break;
    ASSERT_TRUE(report) << "call " << n << ": " << report.error().message();
    EXPECT_TRUE(writer.Read(*report->id) == changed) << "call " << n;
    ASSERT_TRUE(other.Prune(0)) << "call " << n;
    EXPECT_TRUE(writer.Read(*report->id) == changed) << "after another prune, call " << n;
    ASSERT_EQ(other.Damages(), 0u) << "call " << n;
  }
}

// A whole backup inside the n-th store call of a prune, for every n.
TEST_F(Interleaving, BackupInsideEveryCallOfAPruneLosesNothing) {
  for (uint64_t n = 1;; n += 3) {
    MemoryStore memory;
    InitForTests(memory);
    Machine writer(memory, 1);
    ASSERT_TRUE(writer.Backup(files_));
    FaultStore store(memory);
    Machine pruner(store, 2);
    ASSERT_TRUE(pruner.ForgetAll());
    std::optional<SnapshotId> id;
    const InsideCall work(store, n, [&] {
      const auto report = writer.Backup(files_);
      ASSERT_TRUE(report) << report.error().message();
      id = report->id;
    });
    const auto pruned = pruner.Prune(0);
    if (!work.ran()) break;
    ASSERT_TRUE(pruned) << "call " << n << ": " << pruned.error().message();
    ASSERT_TRUE(id);
    EXPECT_TRUE(writer.Read(*id) == files_) << "call " << n;
    ASSERT_EQ(writer.Damages(), 0u) << "call " << n;
  }
}

// The process dies at every store call, before or after its effect.
void SweepCrashes(const MemoryFiles& files, const std::function<void(Machine&)>& job) {
  for (uint64_t n = 1;; n += 2) {
    MemoryStore memory;
    InitForTests(memory);
    SnapshotId id;
    {
      Machine first(memory, 7);
      MemoryFiles old = files;
      old["old"] = RandomText(1234, 9'000);
      id = BackUpAndKeepLast(first, {old, files});
    }
    CrashStore store(memory);
    bool crashed = false;
    {
      Machine dying(store, 8 + n);
      store.CrashAt(store.calls() + n, n % 4 == 1 ? CrashStore::When::kBefore : CrashStore::When::kAfter);
      job(dying);
      crashed = store.crashed();
      store.Revive();
    }
    Machine next(memory, 9);
    EXPECT_TRUE(next.Read(id) == files) << "call " << n;
    ASSERT_EQ(next.Damages(), 0u) << "call " << n;
    const auto pruned = next.Prune(0);
    ASSERT_TRUE(pruned) << "call " << n << ": " << pruned.error().message();
    EXPECT_TRUE(next.Read(id) == files) << "after a prune, call " << n;
    ASSERT_EQ(next.Damages(), 0u) << "after a prune, call " << n;
    if (!crashed) break;
  }
}

TEST_F(Interleaving, CrashAtEveryCallOfABackupLosesNothing) {
  MemoryFiles changed = files_;
  changed["new"] = RandomText(99, 5'000);
  SweepCrashes(files_, [&](Machine& machine) { IgnoreError(machine.Backup(changed), "it is meant to die"); });
}

TEST_F(Interleaving, CrashAtEveryCallOfAPruneLosesNothing) {
  SweepCrashes(files_, [](Machine& machine) { IgnoreError(machine.Prune(0), "it is meant to die"); });
}

}  // namespace
}  // namespace cairn
