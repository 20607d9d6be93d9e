// What a repository at the end of a long wire is asked for, and what this machine keeps of it.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "engine/jobs/check.h"
#include "engine/repo/own_objects.h"
#include "engine/repo/snapshot_store.h"
#include "engine/store/ahead_store.h"
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

  const TempFolder folder_ = TempFolder::InMemory();
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

// A wave that nobody takes, or a listing that is not in one, would cost a request more.
TEST_F(FarRepositoryTest, WhatIsListedAheadIsWhatALookLists) {
  class Borrowed final : public StoreDecorator {
   public:
    explicit Borrowed(ObjectStore& base) : StoreDecorator(base) {}
  };
  Machine machine(store_, 1);
  ASSERT_OK(machine.Backup({{"a", RandomText(1, 100)}}));
  for (const ReaderListing reads : {ReaderListing::kSnapshots, ReaderListing::kBoth}) {
    const auto look = [&](bool is_ahead) {
      AheadStore ahead(std::make_unique<Borrowed>(store_), machine.context.clock);
      auto opened =
          Repository::Open(ahead, AsBytes("password"),
                           {.files = &PosixFileSystem(), .cache_root = machine.folder.path()}, machine.context.job);
      const size_t begin = Now();
      if (is_ahead) ahead.ListAhead(ReaderListings(reads));
      if (reads == ReaderListing::kBoth) {
        EXPECT_OK((*opened)->LoadIndex(machine.context.job));
      }
      const auto set = LoadSnapshots(**opened, machine.context.job, {});
      EXPECT_EQ(set->snapshots.size(), 1);
      std::vector<std::string> listed;
      for (const StoreCall& call : store_.History()) {
        if (call.number > begin && call.operation == StoreOperation::kList) listed.push_back(call.name);
      }
      std::ranges::sort(listed);
      return listed;
    };
    const std::vector<std::string> without = look(false);
    EXPECT_GE(without.size(), 4);
    EXPECT_EQ(look(true), without);
  }
}

// What a run asks of the store is what it costs.
TEST_F(FarRepositoryTest, AnUnchangedBackupAsksTwelveTimes) {
  Machine machine(store_, 1);
  const MemoryFiles files = {{"a", RandomText(1, 100)}};
  ASSERT_OK(machine.Backup(files));
  const size_t begin = Now();
  ASSERT_OK_AND_ASSIGN(machine.repository, OpenAgain(machine));
  ASSERT_OK(machine.Backup(files));
  EXPECT_LE(Now() - begin, 12);
  EXPECT_EQ(Asked(StoreOperation::kGet, "index/", begin), 0) << "what this machine has put it has";
}

TEST_F(FarRepositoryTest, WhatThisMachineHasPutIsNotGot) {
  Machine machine(store_, 1);
  const size_t begin = Now();
  std::set<SnapshotId> ids;
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const BackupReport report, machine.Backup({{"a", RandomText(i, 100)}}));
    ids.insert(*report.id);
  }
  ASSERT_OK_AND_ASSIGN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, {}));
  ASSERT_OK(machine.repository->LoadIndex(machine.context.job));
  std::set<SnapshotId> loaded;
  for (const LoadedSnapshot& one : set.snapshots) loaded.insert(one.id);
  EXPECT_EQ(loaded, ids);
  EXPECT_EQ(Asked(StoreOperation::kGet, "snapshots/", begin), 2) << "whether the parent is in its place";
  EXPECT_EQ(Asked(StoreOperation::kGet, "index/", begin), 0);
  Machine other(store_, 2);
  const size_t theirs_begin = Now();
  ASSERT_OK_AND_ASSIGN(const SnapshotSet theirs, LoadSnapshots(*other.repository, other.context.job, {}));
  EXPECT_EQ(theirs.snapshots.size(), 3);
  EXPECT_EQ(Asked(StoreOperation::kGet, "snapshots/", theirs_begin), 3);
}

TEST_F(FarRepositoryTest, WhatThisMachineHasPutAndIsDamagedHereIsGot) {
  Machine machine(store_, 1);
  ASSERT_OK(machine.Backup({{"a", RandomText(1, 100)}}));
  Damage(machine.folder.path(), "own-");
  const FindingSink none = [](const Finding& f) { ADD_FAILURE() << f.object << ": " << f.detail; };
  ASSERT_OK_AND_ASSIGN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, none));
  EXPECT_EQ(set.snapshots.size(), 1);
  ASSERT_OK_AND_ASSIGN(const auto index, machine.repository->LoadIndex(machine.context.job));
  EXPECT_GT(index->blob_count(), 0);
}

// A forget may put it over the snapshot of a session that has not ended.
TEST_F(FarRepositoryTest, AFenceOverWhatThisMachineHasPutIsSeen) {
  Machine machine(store_, 1);
  ASSERT_OK_AND_ASSIGN(const BackupReport report, machine.Backup({{"a", "1"}}));
  ASSERT_OK(store_.Remove(SnapshotName(*report.id)));
  Protocol protocol(*machine.repository, machine.context.job);
  ASSERT_OK(protocol.Fence(*report.id, *report.id));
  ASSERT_OK_AND_ASSIGN(const SnapshotSet set, LoadSnapshots(*machine.repository, machine.context.job, {}));
  EXPECT_TRUE(set.snapshots.empty());
  EXPECT_EQ(set.fences.size(), 1);
}

TEST_F(FarRepositoryTest, OfWhatThisMachineHasPutAndNobodyTookAFewStay) {
  OwnObjects own(PosixFileSystem(), SystemRandom(), folder_.path());
  for (int i = 0; i < 40; ++i) own.Keep(*ObjectName::Parse("index/" + std::to_string(100 + i)), AsBytes("x"));
  const fs::directory_iterator files(folder_.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 16);
  EXPECT_EQ(own.Take(*ObjectName::Parse("index/100")), std::nullopt);
  EXPECT_EQ(own.Take(*ObjectName::Parse("index/139")), ToBytes(AsBytes("x")));
  EXPECT_EQ(own.Take(*ObjectName::Parse("index/139")), std::nullopt) << "once";
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

// What was got once and is damaged on the store (or on its way) is mended there, with the time that it had.
TEST_F(FarRepositoryTest, WhatCameDamagedIsNotKept) {
  Machine machine(store_, 1);
  const auto report = machine.Backup({{"a", "1"}});
  ASSERT_OK(report);
  const ObjectName name = SnapshotName(*report->id);
  Machine other(store_, 2);
  const auto flip = [](Bytes& bytes) { bytes[bytes.size() / 2] ^= 1; };
  ASSERT_TRUE(memory_.Damage(name, flip));
  ASSERT_OK_AND_ASSIGN(const SnapshotSet broken, LoadSnapshots(*other.repository, other.context.job, {}));
  EXPECT_EQ(broken.unreadable.size(), 1);
  ASSERT_TRUE(memory_.Damage(name, flip));
  ASSERT_OK_AND_ASSIGN(const SnapshotSet check,
                       LoadSnapshots(*other.repository, other.context.job, {}, SnapshotsFrom::kTheStore));
  EXPECT_EQ(check.unreadable.size(), 0);
  ASSERT_OK_AND_ASSIGN(const SnapshotSet mended, LoadSnapshots(*other.repository, other.context.job, {}));
  EXPECT_EQ(mended.unreadable.size(), 0);
  EXPECT_OK(other.Prune(0));
}

// The store was set back to config 1, and another config 2 of the same size was made there.
TEST_F(FarRepositoryTest, AnotherConfigOfTheSameNumberIsSeen) {
  Machine machine(store_, 1);
  const auto before = memory_.Contents();
  const auto add = [&](Machine& by, std::string_view password) {
    NewSlot slot;
    slot.rights = kOwnerRights;
    slot.label = "label";
    return AddKey(*by.repository, slot, AsBytes(password), PasswordCost::ForTests(), by.context.job);
  };
  ASSERT_OK(add(machine, "password 2"));
  ASSERT_OK_AND_ASSIGN(const auto seen, OpenAgain(machine));
  EXPECT_EQ(seen->keyring().config_number(), 2);
  const size_t size_a = memory_.Contents().at("config/2").size();
  memory_.SetContents(before);
  Machine admin(store_, 3);
  ASSERT_OK(add(admin, "password 3"));
  EXPECT_EQ(memory_.Contents().at("config/2").size(), size_a);
  ASSERT_OK_AND_ASSIGN(const auto opened, OpenAgain(machine));
  EXPECT_TRUE(opened->stale_config()) << "SPEC 7.1: refuses to write where another hash is remembered for the same n";
}

// One that the store cannot give ends it: not each of ten thousand is tried, for as long as tries last.
TEST_F(FarRepositoryTest, AStoreThatFailsIsNotAskedForEachNote) {
  Machine machine(store_, 1);
  const auto report = machine.Backup({{"a", "1"}});
  ASSERT_OK(report);
  for (int i = 0; i < 200; ++i) {
    const auto id = machine.context.random.NewId<ObjectId>();
    ASSERT_OK(memory_.Put(*ObjectName::Parse("notes/" + report->id->ToHex() + "/" + id.ToHex()), AsBytes("x")));
  }
  store_.FailWhere(
      [](const StoreCall& call) { return call.operation == StoreOperation::kGet && call.name.starts_with("notes/"); },
      FaultStore::Transient());
  const size_t begin = Now();
  EXPECT_FALSE(LoadSnapshots(*machine.repository, machine.context.job, {}));
  EXPECT_LE(Asked(StoreOperation::kGet, "notes/", begin), 32);
}

// A bad sector below the key object that opened last; the password opens another.
TEST_F(FarRepositoryTest, AnotherKeyOpensWhereTheLastOneCannotBeRead) {
  Machine machine(store_, 1);
  NewSlot slot;
  slot.rights = kOwnerRights;
  slot.label = "label";
  ASSERT_OK(AddKey(*machine.repository, slot, AsBytes("password 2"), PasswordCost::ForTests(), machine.context.job));
  ASSERT_OK(OpenAgain(machine));
  const std::string last = KeyName(machine.repository->opened_with()).text();
  store_.FailWhere(
      [last](const StoreCall& call) { return call.operation == StoreOperation::kGet && call.name == last; },
      FaultStore::Broken());
  EXPECT_OK(OpenAgain(machine, "password 2"));
}

}  // namespace
}  // namespace cairn
