// What only the local store has: a folder that people see. The rest is in tests/contract.
#include "engine/store/local_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "repo-format/base/units.h"
#include "tests/support/crashable_file_system.h"
#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/named.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_disk.h"

namespace cairn {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class LocalStoreTest : public testing::Test {
 protected:
  Result<std::unique_ptr<LocalStore>> Open(const std::string& root) { return LocalStore::Open(files_, random_, root); }
  Result<std::unique_ptr<LocalStore>> Create(const std::string& root) {
    return LocalStore::Create(files_, random_, root);
  }
  void WriteFile(const std::string& path, std::string_view text = "x") {
    ASSERT_OK(files_.WriteNewFile(path, AsBytes(text)));
  }
  struct Listing {
    std::set<std::string> objects;
    std::set<std::string> strangers;
  };
  static Listing ListOf(ObjectStore& store, std::string_view prefix = "") {
    Listing listing;
    EXPECT_OK(store.List(
        prefix,
        [&](const ObjectInfo& info) -> Result<void> {
          EXPECT_TRUE(listing.objects.insert(info.name.text()).second);
          return {};
        },
        [&](const std::string& name) -> Result<void> {
          EXPECT_TRUE(listing.strangers.insert(name).second);
          return {};
        }));
    return listing;
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info{};
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }

  const TempFolder folder_;
  const std::string root_ = folder_ / "backups/repository";
  FileSystem& files_ = PosixFileSystem();
  const Random& random_ = SystemRandom();
};

TEST_F(LocalStoreTest, OpenSaysThatAFolderIsMissing) {
  EXPECT_THAT(Open(root_), ErrorIs(ErrorCode::kNotFound, AllOf(HasSubstr("no repository at"), HasSubstr(root_))));
  WriteFile(folder_ / "file");
  EXPECT_THAT(Open(folder_ / "file"), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("is a file")));
  EXPECT_THAT(Open(folder_ / "file/below"), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(Open(""), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_F(LocalStoreTest, CreateMakesTheFolderForItsOwnerOnly) {
  const mode_t old_mask = umask(0);
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  umask(old_mask);
  EXPECT_EQ(ModeOf(root_), 0700U);
  EXPECT_EQ(ModeOf(root_ + "/data/ab"), 0700U);
  EXPECT_EQ(ModeOf(root_ + "/tmp"), 0700U);
  EXPECT_EQ(ModeOf(root_ + "/data/ab/cd"), 0600U);
}

TEST_F(LocalStoreTest, CreateRefusesAFolderOfSomethingElse) {
  ASSERT_OK(MakeFolders(files_, root_));
  WriteFile(root_ + "/holiday.jpg");
  EXPECT_THAT(Create(root_), ErrorIs(ErrorCode::kAlreadyExists, HasSubstr("holiday.jpg")));
  EXPECT_THAT(Create(root_ + "/holiday.jpg"), ErrorCodeIs(ErrorCode::kAlreadyExists));
  EXPECT_THAT(Create(""), ErrorCodeIs(ErrorCode::kInvalidArgument));
}

TEST_F(LocalStoreTest, CreateTakesAnEmptyFolderAndWhatItLeftBefore) {
  ASSERT_OK(MakeFolders(files_, root_));
  ASSERT_OK(files_.MakeFolder(root_ + "/lost+found"));
  EXPECT_OK(Create(root_));
  // Interrupted before config/1.
  ASSERT_OK(MakeFolders(files_, root_ + "/tmp"));
  ASSERT_OK(MakeFolders(files_, root_ + "/keys"));
  ASSERT_OK(MakeFolders(files_, root_ + "/config"));
  EXPECT_OK(Create(root_));
}

TEST_F(LocalStoreTest, CreateOpensARepository) {
  {
    ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
    ASSERT_OK(store->Put(ConfigName(1), AsBytes("config")));
    ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  }
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  EXPECT_THAT(store->PutIfAbsent(ConfigName(1), AsBytes("another")), IsOkAnd(false));
}

TEST_F(LocalStoreTest, ASlashAtTheEndOfThePathMakesNoDifference) {
  ASSERT_OK_AND_ASSIGN(const auto created, Create(root_ + "//"));
  EXPECT_EQ(created->description(), root_);
  ASSERT_OK(created->Put(Named("index/ab"), AsBytes("x")));
  ASSERT_OK_AND_ASSIGN(const auto opened, Open(root_ + "/"));
  EXPECT_THAT(ListOf(*opened).objects, ElementsAre("index/ab"));
}

TEST_F(LocalStoreTest, TheRootOfAFileSystemMayBeARepository) {
  CrashableFileSystem disk;
  ASSERT_OK_AND_ASSIGN(const auto store, LocalStore::Create(disk, random_, "/"));
  EXPECT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  EXPECT_THAT(ListOf(*store).objects, ElementsAre("data/ab/cd"));
}

TEST_F(LocalStoreTest, TellsStrangersAndLeavesThemAlone) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  WriteFile(root_ + "/README.TXT");
  WriteFile(root_ + "/data/.DS_Store");
  WriteFile(root_ + "/data/ab/UPPER");
  WriteFile(root_ + "/data/ab/" + std::string(115, 'x'));
  ASSERT_OK(MakeFolders(files_, root_ + "/Photos/2024"));
  WriteFile(root_ + "/Photos/2024/IMG_1");
  ASSERT_EQ(mkfifo((root_ + "/data/pipe").c_str(), 0600), 0);
  ASSERT_EQ(symlink("nowhere", (root_ + "/index").c_str()), 0);
  const Listing listing = ListOf(*store);
  EXPECT_THAT(listing.objects, ElementsAre("data/ab/cd"));
  EXPECT_THAT(listing.strangers, UnorderedElementsAre("README.TXT", "data/.DS_Store", "data/ab/UPPER", "Photos/",
                                                      "data/pipe", "index", "data/ab/" + std::string(115, 'x')));
}

TEST_F(LocalStoreTest, WhatIsInTmpIsNoObject) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  WriteFile(root_ + "/tmp/left");
  ASSERT_OK(files_.MakeFolder(root_ + "/lost+found"));
  WriteFile(root_ + "/lost+found/found");
  const Listing listing = ListOf(*store);
  EXPECT_THAT(listing.objects, ElementsAre("data/ab/cd"));
  EXPECT_THAT(listing.strangers, ElementsAre());
  EXPECT_THAT(ListOf(*store, "tmp/").objects, ElementsAre());
  EXPECT_THAT(store->Put(Named("tmp/mine"), AsBytes("x")), ErrorIs(ErrorCode::kInvalidArgument, HasSubstr("tmp/mine")));
  EXPECT_THAT(store->PutIfAbsent(Named("tmp"), AsBytes("x")), ErrorCodeIs(ErrorCode::kInvalidArgument));
  // But elsewhere it is a name like any other.
  EXPECT_OK(store->Put(Named("data/tmp/x"), AsBytes("x")));
  EXPECT_THAT(ListOf(*store, "data/tmp/").objects, ElementsAre("data/tmp/x"));
}

TEST_F(LocalStoreTest, PutLeavesNothingInTmp) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("y")));
  ASSERT_OK(store->PutIfAbsent(Named("data/ab/cd"), AsBytes("z")));
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "/tmp"));
}

// How many of the files that this process has open are in there, whether they have a name or not.
int OpenFilesIn(const std::string& folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;  // the listing's own
    count += std::filesystem::read_symlink(entry.path(), gone).string().starts_with(folder + "/") ? 1 : 0;
  }
  return count;
}

TEST_F(LocalStoreTest, ADraftIsSeenByNobody) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  const auto probe = files_.NewNamelessFile(root_);
  if (!probe && probe.error().code() == ErrorCode::kUnsupported) GTEST_SKIP() << probe.error().message();
  ASSERT_OK_AND_ASSIGN(const auto draft, store->NewDraft(100));
  ASSERT_OK(draft->Append(AsBytes("x")));
  EXPECT_EQ(OpenFilesIn(root_ + "/tmp"), 1);
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "/tmp")) << "a killed process leaves nothing";
  ASSERT_OK(draft->Put(Named("data/ab/cd")));
  EXPECT_TRUE(std::filesystem::is_empty(root_ + "/tmp"));
  EXPECT_THAT(files_.ReadFile(root_ + "/data/ab/cd"), IsOkAnd(BytesAre("x")));
  EXPECT_EQ(ModeOf(root_ + "/data/ab/cd"), 0600U);
}

TEST_F(LocalStoreTest, ADraftGoesWhereItsFoldersWereRemoved) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  ASSERT_OK_AND_ASSIGN(const auto first, store->NewDraft(100));
  ASSERT_OK(first->Append(AsBytes("first")));
  std::filesystem::remove_all(root_ + "/data");
  std::filesystem::remove_all(root_ + "/tmp");
  ASSERT_OK_AND_ASSIGN(const auto second, store->NewDraft(100));
  ASSERT_OK(second->Append(AsBytes("second")));
  std::filesystem::remove_all(root_ + "/tmp");
  EXPECT_OK(second->Put(Named("data/ab/second")));
  std::filesystem::remove_all(root_ + "/data");
  EXPECT_OK(first->Put(Named("data/ab/first")));
  EXPECT_THAT(ListOf(*store).objects, ElementsAre("data/ab/first"));
  EXPECT_THAT(store->Get(Named("data/ab/first"), 100), IsOkAnd(BytesAre("first")));
}

TEST_F(LocalStoreTest, ADraftIsNotPutIntoAnotherFolder) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK_AND_ASSIGN(const auto draft, store->NewDraft(100));
  ASSERT_OK(draft->Append(AsBytes("x")));
  std::filesystem::rename(root_, folder_ / "elsewhere");
  std::filesystem::create_directory(root_);
  EXPECT_THAT(draft->Put(Named("data/ab/cd")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(store->NewDraft(100), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_TRUE(std::filesystem::is_empty(root_));
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "elsewhere/tmp"));
}

// What a file system can do with files that have no name.
struct Namelessness {
  bool are_known, may_be_named;
  int steps;  // at which a draft can fail
};
// Made, written twice, synced, renamed, its folder synced; in memory: made, written in two halves, synced, renamed, its
// folder synced; without a way to name it (no /proc): made, written twice, synced, and all of that.
constexpr Namelessness kNamelessness[] = {{true, true, 6}, {false, false, 6}, {true, false, 10}};

Result<void> PutDraft(LocalStore& store, const char* name) {
  ASSIGN_OR_RETURN(const auto draft, store.NewDraft(100));
  RETURN_IF_ERROR(draft->Append(AsBytes("a draft")));
  RETURN_IF_ERROR(draft->WriteStart(AsBytes("A")));
  return draft->Put(Named(name));
}

TEST_F(LocalStoreTest, ADraftNeedsNoFileWithoutAName) {
  for (const Namelessness& can : kNamelessness) {
    CrashableFileSystem disk;
    disk.SetNameless(can.are_known, can.may_be_named);
    ASSERT_OK_AND_ASSIGN(const auto store, LocalStore::Create(disk, random_, "/repository"));
    ASSERT_OK(PutDraft(*store, "data/ab/cd"));
    disk.Crash(CrashableFileSystem::Outcome::kLoseAll);
    EXPECT_THAT(store->Get(Named("data/ab/cd"), 100), IsOkAnd(BytesAre("A draft")));
    const uint64_t steps = disk.steps();
    ASSERT_OK_AND_ASSIGN(const auto next, store->NewDraft(100));
    ASSERT_OK(next->Append(AsBytes("next")));
    EXPECT_EQ(disk.steps() > steps, can.may_be_named) << "where none can be named, no other goes to the disk twice";
  }
}

// Each step fails once: a draft whose bytes did not get on to the disk is not put.
TEST_F(LocalStoreTest, ADraftThatFailsLeavesNothing) {
  for (const Namelessness& can : kNamelessness) {
    int failures = 0;
    bool is_reached = true;
    for (uint64_t step = 1; is_reached; ++step) {
      CrashableFileSystem disk;
      disk.SetNameless(can.are_known, can.may_be_named);
      ASSERT_OK_AND_ASSIGN(const auto store, LocalStore::Create(disk, random_, "/repository"));
      ASSERT_OK(store->Put(Named("data/ab/known"), AsBytes("x")));
      const uint64_t before = disk.steps();
      disk.FailStep(step, Error(ErrorCode::kIo, "a bad sector"));
      const auto put = PutDraft(*store, "data/ab/cd");
      is_reached = disk.steps() - before >= step;
      failures += put ? 0 : 1;
      const auto there = store->Get(Named("data/ab/cd"), 100);
      EXPECT_EQ(there ? ToString(*there) : "", there ? "A draft" : "");
      EXPECT_TRUE(there || !put);
      EXPECT_OK(disk.List("/repository/tmp", [&](const FileInfo& info) { ADD_FAILURE() << info.name << " is left"; }));
    }
    EXPECT_EQ(failures, can.steps) << can.are_known << can.may_be_named;
  }
}

TEST_F(LocalStoreTest, FoldersMayBeLinksToOtherDisks) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(files_.MakeFolder(folder_ / "other-disk"));
  ASSERT_EQ(symlink((folder_ / "other-disk").c_str(), (root_ + "/data").c_str()), 0);
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  EXPECT_THAT(files_.ReadFile(folder_ / "other-disk/ab/cd"), IsOkAnd(BytesAre("x")));
  EXPECT_THAT(ListOf(*store).objects, ElementsAre("data/ab/cd"));
}

TEST_F(LocalStoreTest, ACircleOfLinksEndsTheListing) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  ASSERT_EQ(symlink("..", (root_ + "/data/loop").c_str()), 0);
  EXPECT_TRUE(ListOf(*store).objects.contains("data/ab/cd"));
}

TEST_F(LocalStoreTest, ARootThatIsGoneIsNoEmptyRepository) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  std::filesystem::rename(root_, folder_ / "elsewhere");
  const auto each = [](const ObjectInfo&) -> Result<void> { return {}; };
  EXPECT_THAT(store->List("", each), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(store->List("data/", each), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(store->Get(Named("data/ab/cd"), 10), ErrorCodeIs(ErrorCode::kIo)) << "not that the object is lost";
  EXPECT_THAT(store->Stat(Named("data/ab/cd")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(store->Put(Named("data/ab/ef"), AsBytes("x")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(store->Remove(Named("data/ab/cd")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_FALSE(std::filesystem::exists(root_));
}

// As when a disk is unmounted while it is in use: what is below its mount point is another folder.
TEST_F(LocalStoreTest, AnotherFolderInPlaceOfTheRootGetsNothing) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  std::filesystem::rename(root_, folder_ / "elsewhere");
  std::filesystem::create_directory(root_);
  const auto each = [](const ObjectInfo&) -> Result<void> { return {}; };
  EXPECT_THAT(store->Put(Named("data/ab/ef"), AsBytes("x")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(store->PutIfAbsent(Named("snapshots/s"), AsBytes("x")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(store->List("", each), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(store->GetRange(Named("data/ab/cd"), 0, 1), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_TRUE(std::filesystem::is_empty(root_));
}

TEST_F(LocalStoreTest, MakesAgainAFolderThatSomebodyRemoved) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  std::filesystem::remove_all(root_ + "/data");
  std::filesystem::remove_all(root_ + "/tmp");
  EXPECT_OK(store->Put(Named("data/ab/ef"), AsBytes("y")));
  EXPECT_THAT(ListOf(*store).objects, ElementsAre("data/ab/ef"));
}

TEST_F(LocalStoreTest, AFileWhereAFolderBelongsIsNoObjectThatExists) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  WriteFile(root_ + "/data");
  EXPECT_THAT(store->Put(Named("data/ab"), AsBytes("x")), ErrorIs(ErrorCode::kIo, HasSubstr("data/ab")));
  EXPECT_THAT(store->PutIfAbsent(Named("data/ab"), AsBytes("x")), ErrorCodeIs(ErrorCode::kIo));
}

TEST_F(LocalStoreTest, AFolderWhereAnObjectBelongsIsCorrupt) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
  EXPECT_THAT(store->Stat(Named("data/ab")), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(store->Get(Named("data/ab"), 100), ErrorIs(ErrorCode::kCorrupt, HasSubstr("data/ab")));
  EXPECT_THAT(store->GetRange(Named("data/ab"), 0, 1), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_FALSE(store->Put(Named("data/ab"), AsBytes("x")));
  EXPECT_FALSE(store->Remove(Named("data/ab")));
  EXPECT_THAT(ListOf(*store).objects, ElementsAre("data/ab/cd"));
}

TEST_F(LocalStoreTest, AFullDiskLeavesNoHalfObject) {
  const auto result = RunOnTinyDisk(512 * kKiB, [&](const std::string& path) {
    ASSERT_OK_AND_ASSIGN(const auto store, Create(path));
    ASSERT_OK(store->Put(Named("data/ab/small"), AsBytes("x")));
    const Bytes big(kMiB);
    EXPECT_THAT(store->Put(Named("data/ab/big"), big), ErrorIs(ErrorCode::kNoSpace, HasSubstr("data/ab/big")));
    EXPECT_THAT(store->PutIfAbsent(Named("data/ab/big"), big), ErrorCodeIs(ErrorCode::kNoSpace));
    {
      ASSERT_OK_AND_ASSIGN(const auto draft, store->NewDraft(2 * kMiB));
      EXPECT_THAT(draft->Append(big), ErrorIs(ErrorCode::kNoSpace, HasSubstr(path)));
    }
    EXPECT_TRUE(std::filesystem::is_empty(path + "/tmp"));
    EXPECT_THAT(ListOf(*store).objects, ElementsAre("data/ab/small"));
    EXPECT_OK(store->Put(Named("data/ab/next"), Bytes(128 * kKiB)));
  });
  if (result == TinyDiskResult::kNotAllowed) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(result, TinyDiskResult::kPassed);
}

TEST_F(LocalStoreTest, AReadOnlyDiskIsReadAndNamesWhatItRefuses) {
  const auto result = RunOnTinyDisk(512 * kKiB, [&](const std::string& path) {
    {
      ASSERT_OK_AND_ASSIGN(const auto store, Create(path));
      ASSERT_OK(store->Put(Named("data/ab/cd"), AsBytes("x")));
    }
    ASSERT_TRUE(RemountReadOnly(path));
    ASSERT_OK_AND_ASSIGN(const auto store, Open(path));
    EXPECT_THAT(store->Get(Named("data/ab/cd"), 10), IsOkAnd(BytesAre("x")));
    EXPECT_THAT(store->Put(Named("data/ab/ef"), AsBytes("x")),
                ErrorIs(ErrorCode::kPermission, HasSubstr("data/ab/ef")));
    EXPECT_THAT(store->Put(Named("index/ef"), AsBytes("x")), ErrorIs(ErrorCode::kPermission, HasSubstr("index/ef")));
    EXPECT_THAT(store->PutIfAbsent(Named("data/ab/ef"), AsBytes("x")),
                ErrorIs(ErrorCode::kPermission, HasSubstr("data/ab/ef")));
    EXPECT_THAT(store->Remove(Named("data/ab/cd")), ErrorIs(ErrorCode::kPermission, HasSubstr("data/ab/cd")));
    EXPECT_THAT(store->CleanTemporary(), ErrorCodeIs(ErrorCode::kPermission));
  });
  if (result == TinyDiskResult::kNotAllowed) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(result, TinyDiskResult::kPassed);
}

// The machine that looks has another time than the one whose disk it is: a share of a NAS.
TEST_F(LocalStoreTest, CleansTmpByTheDisksOwnClock) {
  FakeClock disk_clock(UnixNs{1'000'000'000} * 1'000'000'000);  // 2001
  CrashableFileSystem disk(1, disk_clock);
  ASSERT_OK_AND_ASSIGN(const auto store, LocalStore::Create(disk, random_, "/repository"));
  ASSERT_OK(store->Put(Named("index/ab"), AsBytes("x")));
  ASSERT_OK(disk.WriteNewFile("/repository/tmp/old", AsBytes("left")));
  disk_clock.Advance(std::chrono::hours(20));
  ASSERT_OK(disk.WriteNewFile("/repository/tmp/young", AsBytes("being written")));
  EXPECT_OK(store->CleanTemporary());
  EXPECT_OK(disk.Stat("/repository/tmp/old"));
  disk_clock.Advance(std::chrono::hours(5));
  EXPECT_OK(store->CleanTemporary());
  EXPECT_THAT(disk.Stat("/repository/tmp/old"), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_OK(disk.Stat("/repository/tmp/young"));
  EXPECT_THAT(ListOf(*store).objects, ElementsAre("index/ab"));
}

TEST_F(LocalStoreTest, GetGuardsMemoryBeforeItReads) {
  ASSERT_OK_AND_ASSIGN(const auto store, Create(root_));
  ASSERT_OK(store->Put(Named("index/ab"), AsBytes("x")));
  ASSERT_EQ(truncate((root_ + "/index/ab").c_str(), off_t{1} << 40), 0);  // sparse: costs nothing on the disk
  EXPECT_THAT(store->Get(Named("index/ab"), kMiB), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_OK(store->GetRange(Named("index/ab"), uint64_t{1} << 39, 10));
}

}  // namespace
}  // namespace cairn
