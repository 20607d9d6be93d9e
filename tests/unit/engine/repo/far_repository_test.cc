// What a repository at the end of a long wire is asked for, and what this machine keeps of it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "engine/jobs/check.h"
#include "engine/repo/snapshot_store.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

namespace fs = std::filesystem;

class FarRepositoryTest : public testing::Test {
 protected:
  void SetUp() override {
    store_.set_far(true);
    InitForTests(store_);
  }
  // How often objects whose names begin so were asked for since `begin` calls.
  uint64_t Asked(StoreOperation operation, const std::string& prefix, size_t begin) const {
    const std::vector<StoreCall> history = store_.History();
    return static_cast<uint64_t>(std::ranges::count_if(
        history.begin() + static_cast<ptrdiff_t>(begin), history.end(),
        [&](const StoreCall& call) { return call.operation == operation && call.name.starts_with(prefix); }));
  }
  size_t Now() const { return store_.History().size(); }
  Result<std::unique_ptr<Repository>> OpenAgain(Machine& machine, std::string_view password = "password") {
    return Repository::Open(store_, AsBytes(password),
                            {.files = &PosixFileSystem(), .cache_root = machine.folder.path()}, machine.context.job);
  }
  // A byte of each file that begins so is another.
  static void Damage(const std::string& folder, const std::string& beginning) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file() || !entry.path().filename().string().starts_with(beginning)) continue;
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekg(30);
      const char byte = static_cast<char>(file.get() ^ 1);
      file.seekp(30);
      file.put(byte);
    }
  }

  MemoryStore memory_;
  FaultStore store_{memory_};
};

TEST_F(FarRepositoryTest, WhatOpenedItLastTimeIsAskedForFirst) {
  Machine machine(store_, 1);
  const size_t begin = Now();
  ASSERT_OK(OpenAgain(machine));
  EXPECT_EQ(Asked(StoreOperation::kGet, "keys/", begin), 1);
  EXPECT_EQ(Now() - begin, 2) << "the list of configs, and the key object";
}

TEST_F(FarRepositoryTest, AKeyThatIsGoneIsLookedForAmongTheOthers) {
  Machine machine(store_, 1);
  // Another repository at the same address.
  std::vector<ObjectName> names;
  ASSERT_OK(store_.List("", [&](const ObjectInfo& info) -> Result<void> {
    names.push_back(info.name);
    return {};
  }));
  for (const ObjectName& name : names) ASSERT_OK(store_.Remove(name));
  InitForTests(store_, 2);
  ASSERT_OK_AND_ASSIGN(const auto opened, OpenAgain(machine));
  EXPECT_NE(opened->keyring().repository(), machine.repository->keyring().repository());
}

TEST_F(FarRepositoryTest, AWrongPasswordIsTriedOnAllKeys) {
  Machine machine(store_, 1);
  EXPECT_THAT(OpenAgain(machine, "another"), ErrorCodeIs(ErrorCode::kWrongKey));
}

TEST_F(FarRepositoryTest, WhatIsKeptOfTheLastOpeningMayBeDamaged) {
  Machine machine(store_, 1);
  Damage(machine.folder.path(), "opened-");
  ASSERT_OK(OpenAgain(machine));
}

TEST_F(FarRepositoryTest, SnapshotsAreFetchedOnce) {
  Machine machine(store_, 1);
  for (int i = 0; i < 3; ++i) ASSERT_OK(machine.Backup({{"a", RandomText(i, 100)}}));
  ASSERT_OK(LoadSnapshots(*machine.repository, machine.context.job, {}));
  const size_t begin = Now();
  ASSERT_OK_AND_ASSIGN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, {}));
  EXPECT_EQ(set.snapshots.size(), 3);
  EXPECT_EQ(Asked(StoreOperation::kGet, "snapshots/", begin), 0);
  const size_t check = Now();
  ASSERT_OK(LoadSnapshots(*machine.repository, machine.context.job, {}, SnapshotsFrom::kTheStore));
  EXPECT_EQ(Asked(StoreOperation::kGet, "snapshots/", check), 3);
}

TEST_F(FarRepositoryTest, ADamagedFileOfKeptSnapshotsIsFetchedAnew) {
  Machine machine(store_, 1);
  ASSERT_OK(machine.Backup({{"a", "1"}}));
  ASSERT_OK(LoadSnapshots(*machine.repository, machine.context.job, {}));
  Damage(machine.folder.path(), "snapshots-");
  const FindingSink none = [](const Finding& f) { ADD_FAILURE() << f.object << ": " << f.detail; };
  ASSERT_OK_AND_ASSIGN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, none));
  EXPECT_EQ(set.snapshots.size(), 1);
}

TEST_F(FarRepositoryTest, AFenceInTheSnapshotsPlaceIsSeen) {
  Machine machine(store_, 1);
  ASSERT_OK(machine.Backup({{"a", "1"}}));
  ASSERT_OK_AND_ASSIGN(const SnapshotSet before, LoadSnapshots(*machine.repository, machine.context.job, {}));
  const SnapshotId id = before.snapshots.at(0).id;
  Protocol protocol(*machine.repository, machine.context.job);
  ASSERT_OK(protocol.PutForgotten({{id, before.snapshots[0].slot, before.snapshots[0].counter,
                                    before.snapshots[0].digest, ForgottenWhy::kForgotten}}));
  ASSERT_OK(store_.Remove(SnapshotName(id)));
  ASSERT_OK(protocol.Fence(id, id));
  ASSERT_OK_AND_ASSIGN(const SnapshotSet after, LoadSnapshots(*machine.repository, machine.context.job, {}));
  EXPECT_TRUE(after.snapshots.empty());
  EXPECT_EQ(after.fences.size(), 1);
}

TEST_F(FarRepositoryTest, ManyRunsLeaveFewFiles) {
  Machine machine(store_, 1);
  for (int i = 0; i < 40; ++i) {
    ASSERT_OK(machine.Backup({{"a", RandomText(i, 100)}}));
    ASSERT_OK(LoadSnapshots(*machine.repository, machine.context.job, {}));
  }
  const fs::directory_iterator files(machine.repository->cache().ObjectFolder());
  EXPECT_LE(std::distance(begin(files), end(files)), 20);
  const size_t begin = Now();
  ASSERT_OK_AND_ASSIGN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, {}));
  EXPECT_EQ(set.snapshots.size(), 40);
  EXPECT_EQ(Asked(StoreOperation::kGet, "snapshots/", begin), 0);
}

TEST_F(FarRepositoryTest, ACheckGetsEachPackOfMetadataOnceAndWhole) {
  Machine machine(store_, 1);
  MemoryFiles files;
  for (int i = 0; i < 200; ++i) files["file " + std::to_string(i)] = RandomText(i, 10);
  ASSERT_OK(machine.Backup(files));
  const size_t begin = Now();
  ASSERT_OK_AND_ASSIGN(const CheckReport report, RunCheck(machine.context.job, *machine.repository, {}, {}));
  EXPECT_EQ(report.damages, 0);
  const std::vector<StoreCall> history = store_.History();
  std::map<std::string, int> gets;
  for (size_t i = begin; i < history.size(); ++i) {
    if (!history[i].name.starts_with("meta/")) continue;
    EXPECT_NE(history[i].operation, StoreOperation::kGetRange);
    if (history[i].operation == StoreOperation::kGet) ++gets[history[i].name];
  }
  EXPECT_GT(gets.size(), 1);
  for (const auto& [name, times] : gets) EXPECT_EQ(times, 1) << name;
  EXPECT_TRUE(fs::is_empty(machine.repository->cache().CheckedFolder()));
}

// What this machine keeps is right, and says nothing of the store.
TEST_F(FarRepositoryTest, ACheckFindsWhatIsDamagedOnTheStoreThoughTheCacheIsRight) {
  Machine machine(store_, 1);
  ASSERT_OK(machine.Backup({{"a", RandomText(1, 100)}}));
  std::vector<ObjectName> packs;
  ASSERT_OK(store_.List("meta/", [&](const ObjectInfo& info) -> Result<void> {
    packs.push_back(info.name);
    return {};
  }));
  for (const ObjectName& name : packs) {
    ASSERT_OK_AND_ASSIGN(Bytes bytes, store_.Get(name, kMiB));
    for (size_t i = 100; i < bytes.size(); i += 7) bytes[i] ^= 1;
    ASSERT_OK(memory_.Put(name, bytes));
  }
  ASSERT_OK_AND_ASSIGN(const CheckReport report, RunCheck(machine.context.job, *machine.repository, {}, {}));
  EXPECT_GT(report.damages, 0);
}

}  // namespace
}  // namespace cairn
