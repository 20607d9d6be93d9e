// The interleavings of SPEC section 13, forced: one actor runs inside a store call of another.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "engine/jobs/backup.h"
#include "engine/jobs/check.h"
#include "engine/jobs/forget.h"
#include "engine/jobs/prune.h"
#include "engine/repo/blob_reader.h"
#include "engine/tree/directory_reader.h"
#include "engine/tree/list_reader.h"
#include "tests/support/crash_store.h"
#include "tests/support/fault_store.h"
#include "tests/support/memory_source.h"
#include "tests/support/memory_store.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_context.h"

namespace cairn {
namespace {

constexpr int64_t kNever = INT64_MAX;

std::string RandomText(uint32_t seed, size_t size) {
  std::mt19937 random(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(random());
  return text;
}

// A machine with a cache of its own, looking at the common store through its own eyes.
struct Machine {
  Machine(ObjectStore& store, uint64_t seed) : context({.seed = seed, .workers = 0, .limits = Limits::ForTests()}) {
    auto opened = Repository::Open(store, AsBytes("password"),
                                   {.files = &PosixFileSystem(), .cache_root = folder.path()}, context.job);
    EXPECT_TRUE(opened) << opened.error().message();
    repository = std::move(opened).value();
  }

  Result<BackupReport> Backup(const MemoryFiles& files) {
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<MemorySource>(files));
    BackupOptions options;
    options.host = ToBytes(AsBytes("machine"));
    return RunBackup(context.job, *repository, std::move(sources), options, {});
  }

  Result<PruneReport> Prune(int64_t quiet_ns) {
    PruneOptions options;
    options.max_unused_percent = 0;
    options.quiet_session_ns = quiet_ns;
    return RunPrune(context.job, *repository, options, {});
  }

  Result<ForgetReport> ForgetAll() {
    auto set = LoadSnapshots(*repository, context.job, {});
    if (!set) return set.error();
    std::vector<SnapshotId> ids;
    for (const LoadedSnapshot& snapshot : set->snapshots) ids.push_back(snapshot.id);
    return RunForget(context.job, *repository, *set, ids, {});
  }

  uint64_t Damages() {
    CheckOptions options;
    options.data = CheckOptions::Data::kAll;
    auto report = RunCheck(context.job, *repository, options,
                           [](const Finding& f) { ADD_FAILURE() << f.object << ": " << f.detail; });
    EXPECT_TRUE(report) << report.error().message();
    return report ? report->damages : 1;
  }

  // The files of a snapshot, read back.
  MemoryFiles Read(const SnapshotId& id) {
    auto set = LoadSnapshots(*repository, context.job, {});
    auto index = repository->LoadIndex(context.job);
    EXPECT_TRUE(set && index);
    BlobReader reader(*repository, **index, context.job, 1 << 20);
    MemoryFiles files;
    for (const LoadedSnapshot& snapshot : set->snapshots) {
      if (snapshot.id != id) continue;
      auto walked = ForEachNode(reader, snapshot.inner.items[0].root, [&](const Node& node) -> Result<void> {
        std::string& bytes = files[ToString(node.name)];
        return ForEachEntry(reader, *node.content, 0, UINT64_MAX,
                            [&](uint64_t, const ListEntry& entry) -> Result<void> {
                              ASSIGN_OR_RETURN(const auto blob, reader.ReadBlob(BlobKind::kData, entry.id));
                              for (uint64_t i = 0; i < entry.count; ++i) bytes += ToString(*blob);
                              return {};
                            });
      });
      EXPECT_TRUE(walked) << walked.error().message();
    }
    return files;
  }

  TempFolder folder;
  TestContext context;
  std::unique_ptr<Repository> repository;
};

class Interleaving : public testing::Test {
 protected:
  Interleaving() {
    TestContext context;
    InitOptions options;
    options.cost = PasswordCost::ForTests();
    auto made = Repository::Init(memory_, AsBytes("password"), options, context.random, context.clock);
    EXPECT_TRUE(made) << made.error().message();
    for (uint32_t i = 0; i < 6; ++i) files_["file" + std::to_string(i)] = RandomText(i, 3'000);
  }

  MemoryStore memory_;
  MemoryFiles files_;
};

bool IsCommit(const StoreCall& call) {
  return call.operation == StoreOperation::kPutIfAbsent && call.name.starts_with("snapshots/");
}

TEST_F(Interleaving, SessionThatSleepsThroughAPruneIsFencedAndBeginsAnew) {
  Machine other(memory_, 2);
  ASSERT_TRUE(other.Backup(files_));
  FaultStore store(memory_);
  Machine sleeper(store, 1);
  bool slept = false;
  store.SetHook([&](const StoreCall& call) {
    if (!IsCommit(call) || slept) return;
    slept = true;
    // While it sleeps before its commit, all that it reuses is forgotten and pruned by somebody who takes it for dead.
    ASSERT_TRUE(other.ForgetAll());
    ASSERT_TRUE(other.Prune(0));
    const auto pruned = other.Prune(0);
    ASSERT_TRUE(pruned) << pruned.error().message();
  });
  const auto report = sleeper.Backup(files_);
  ASSERT_TRUE(report) << report.error().message();
  EXPECT_TRUE(slept);
  EXPECT_GE(report->fenced_times, 1u);
  EXPECT_TRUE(sleeper.Read(*report->id) == files_);
  EXPECT_EQ(other.Damages(), 0u);
}

TEST_F(Interleaving, PruneWaitsForASessionThatMayStillNeedThePacks) {
  Machine other(memory_, 2);
  ASSERT_TRUE(other.Backup(files_));
  FaultStore store(memory_);
  Machine writer(store, 1);
  bool pruned = false;
  store.SetHook([&](const StoreCall& call) {
    if (!IsCommit(call) || pruned) return;
    pruned = true;
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
  for (uint64_t n = 1;; n += 3) {
    MemoryStore memory;
    TestContext context;
    InitOptions options;
    options.cost = PasswordCost::ForTests();
    ASSERT_TRUE(Repository::Init(memory, AsBytes("password"), options, context.random, context.clock));
    Machine other(memory, 2);
    ASSERT_TRUE(other.Backup(files_));
    FaultStore store(memory);
    Machine writer(store, 1);
    const uint64_t before = store.InterceptedStore::calls();
    bool ran = false;
    store.SetHook([&](const StoreCall& call) {
      if (ran || call.number != before + n) return;
      ran = true;
      ASSERT_TRUE(other.ForgetAll());
      const auto pruned = other.Prune(n % 2 == 0 ? 0 : kNever);
      ASSERT_TRUE(pruned) << pruned.error().message();
    });
    MemoryFiles changed = files_;
    changed["new"] = RandomText(99, 5'000);
    const auto report = writer.Backup(changed);
    if (!ran) break;
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
    TestContext context;
    InitOptions options;
    options.cost = PasswordCost::ForTests();
    ASSERT_TRUE(Repository::Init(memory, AsBytes("password"), options, context.random, context.clock));
    Machine writer(memory, 1);
    ASSERT_TRUE(writer.Backup(files_));
    FaultStore store(memory);
    Machine pruner(store, 2);
    ASSERT_TRUE(pruner.ForgetAll());
    const uint64_t before = store.InterceptedStore::calls();
    std::optional<SnapshotId> id;
    bool ran = false;
    store.SetHook([&](const StoreCall& call) {
      if (ran || call.number != before + n) return;
      ran = true;
      const auto report = writer.Backup(files_);
      ASSERT_TRUE(report) << report.error().message();
      id = report->id;
    });
    const auto pruned = pruner.Prune(0);
    if (!ran) break;
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
    TestContext context;
    InitOptions options;
    options.cost = PasswordCost::ForTests();
    ASSERT_TRUE(Repository::Init(memory, AsBytes("password"), options, context.random, context.clock));
    std::optional<SnapshotId> id;
    {
      Machine first(memory, 7);
      MemoryFiles old = files;
      old["old"] = RandomText(1234, 9'000);
      const auto before = first.Backup(old);
      ASSERT_TRUE(before);
      const auto report = first.Backup(files);
      ASSERT_TRUE(report);
      id = report->id;
      auto set = LoadSnapshots(*first.repository, first.context.job, {});
      ASSERT_TRUE(set);
      ASSERT_TRUE(RunForget(first.context.job, *first.repository, *set, {*before->id}, {}));
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
    EXPECT_TRUE(next.Read(*id) == files) << "call " << n;
    ASSERT_EQ(next.Damages(), 0u) << "call " << n;
    const auto pruned = next.Prune(0);
    ASSERT_TRUE(pruned) << "call " << n << ": " << pruned.error().message();
    EXPECT_TRUE(next.Read(*id) == files) << "after a prune, call " << n;
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
