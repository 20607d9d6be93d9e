// That the disk which forgets does forget, or the tests that stand on it prove nothing.
#include "tests/support/crashable_file_system.h"

#include <set>

#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

using Outcome = CrashableFileSystem::Outcome;

// "" where it is absent.
std::string Read(CrashableFileSystem& files, const std::string& path) {
  const auto bytes = files.ReadFile(path);
  return bytes ? "<" + ToString(*bytes) + ">" : "";
}

// What `path` holds after a crash, with many seeds.
std::set<std::string> Outcomes(const std::function<void(CrashableFileSystem&)>& operate, const std::string& path) {
  std::set<std::string> seen;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    CrashableFileSystem files(seed);
    operate(files);
    files.Crash(Outcome::kRandom);
    seen.insert(Read(files, path));
  }
  return seen;
}

TEST(CrashableFileSystem, ANameIsDurableOnlyAfterSyncFolder) {
  for (const bool sync : {false, true}) {
    CrashableFileSystem files;
    ASSERT_OK(files.WriteNewFile("/a", AsBytes("x")));
    if (sync) {
      ASSERT_OK(files.SyncFolder("/"));
    }
    files.Crash(Outcome::kLoseAll);
    EXPECT_EQ(Read(files, "/a"), sync ? "<x>" : "");
  }
}

TEST(CrashableFileSystem, AFolderNeedsItsOwnNameToBeDurable) {
  for (const bool sync : {false, true}) {
    CrashableFileSystem files;
    ASSERT_OK(files.MakeFolder("/folder"));
    if (sync) {
      ASSERT_OK(files.SyncFolder("/"));
    }
    ASSERT_OK(files.WriteNewFile("/folder/a", AsBytes("x")));
    ASSERT_OK(files.SyncFolder("/folder"));
    files.Crash(Outcome::kLoseAll);
    EXPECT_EQ(Read(files, "/folder/a"), sync ? "<x>" : "");
  }
}

TEST(CrashableFileSystem, ARemovalIsDurableOnlyAfterSyncFolder) {
  for (const bool sync : {false, true}) {
    CrashableFileSystem files;
    ASSERT_OK(files.WriteNewFile("/a", AsBytes("x")));
    ASSERT_OK(files.SyncFolder("/"));
    ASSERT_OK(files.Remove("/a"));
    if (sync) {
      ASSERT_OK(files.SyncFolder("/"));
    }
    files.Crash(Outcome::kLoseAll);
    EXPECT_EQ(Read(files, "/a"), sync ? "" : "<x>");
  }
}

TEST(CrashableFileSystem, ARenameMayLeaveEitherNameOrBothOrNone) {
  const auto operate = [](CrashableFileSystem& files) {
    ASSERT_OK(files.MakeFolder("/tmp"));
    ASSERT_OK(files.SyncFolder("/"));
    ASSERT_OK(files.WriteNewFile("/tmp/new", AsBytes("new")));
    ASSERT_OK(files.WriteNewFile("/a", AsBytes("old")));
    ASSERT_OK(files.SyncFolder("/"));
    ASSERT_OK(files.SyncFolder("/tmp"));
    ASSERT_OK(files.Rename("/tmp/new", "/a"));
  };
  EXPECT_EQ(Outcomes(operate, "/a"), (std::set<std::string>{"<old>", "<new>"}));
  EXPECT_EQ(Outcomes(operate, "/tmp/new"), (std::set<std::string>{"", "<new>"}));
}

TEST(CrashableFileSystem, UnsyncedBytesAreLostKeptOrTorn) {
  const auto operate = [](CrashableFileSystem& files) {
    files.CrashAfter(3);  // the name, and two halves of the bytes; not the sync
    EXPECT_FALSE(files.WriteNewFile("/a", AsBytes("abcd")));
    EXPECT_TRUE(files.is_off());
  };
  const auto seen = Outcomes(operate, "/a");
  EXPECT_TRUE(seen.contains(""));
  EXPECT_TRUE(seen.contains("<>"));
  EXPECT_TRUE(seen.contains("<ab>"));
  EXPECT_TRUE(seen.contains("<abcd>"));
  EXPECT_TRUE(seen.contains("<" + std::string("ab\0\0", 4) + ">"));
  CrashableFileSystem files;
  operate(files);
  files.Crash(Outcome::kKeepAll);
  EXPECT_EQ(Read(files, "/a"), "<abcd>");
}

TEST(CrashableFileSystem, SyncedBytesSurviveWithTheirName) {
  const auto operate = [](CrashableFileSystem& files) { ASSERT_OK(files.WriteNewFile("/a", AsBytes("abcd"))); };
  EXPECT_EQ(Outcomes(operate, "/a"), (std::set<std::string>{"", "<abcd>"}));
}

TEST(CrashableFileSystem, EveryCallFailsWhileThePowerIsOff) {
  CrashableFileSystem files;
  ASSERT_OK(files.WriteNewFile("/a", AsBytes("x")));
  files.CrashAfter(0);
  EXPECT_OK(files.ReadFile("/a"));  // the next step is not yet asked for
  EXPECT_FALSE(files.MakeFolder("/b"));
  EXPECT_TRUE(files.is_off());
  EXPECT_FALSE(files.ReadFile("/a"));
  EXPECT_FALSE(files.ReadRange("/a", 0, 1));
  EXPECT_FALSE(files.Stat("/a"));
  EXPECT_FALSE(files.List("/", [](const FileInfo&) {}));
  EXPECT_FALSE(files.SyncFolder("/"));
  EXPECT_FALSE(files.Remove("/a"));
  EXPECT_FALSE(files.TryLock("/a"));
  files.Crash(Outcome::kKeepAll);
  EXPECT_FALSE(files.is_off());
  EXPECT_EQ(Read(files, "/a"), "<x>");
}

TEST(CrashableFileSystem, AFailedStepHasNoEffect) {
  CrashableFileSystem files;
  files.FailStep(2, Error(ErrorCode::kIo, "this step"));
  ASSERT_OK(files.MakeFolder("/a"));
  EXPECT_THAT(files.MakeFolder("/b"), ErrorIs(ErrorCode::kIo, testing::HasSubstr("this step")));
  EXPECT_THAT(files.Stat("/b"), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_OK(files.MakeFolder("/b"));
}

TEST(CrashableFileSystem, IsFullOrReadOnlyWhenToldTo) {
  CrashableFileSystem files;
  files.SetCapacity(10);
  ASSERT_OK(files.WriteNewFile("/a", Bytes(6)));
  EXPECT_THAT(files.WriteNewFile("/b", Bytes(5)), ErrorCodeIs(ErrorCode::kNoSpace));
  EXPECT_THAT(files.Stat("/b"), ErrorCodeIs(ErrorCode::kNotFound));
  ASSERT_OK_AND_ASSIGN(const FileSystem::Space space, files.FreeSpace("/"));
  EXPECT_EQ(space.free, 4U);
  files.SetReadOnly(true);
  EXPECT_THAT(files.Remove("/a"), ErrorCodeIs(ErrorCode::kPermission));
  EXPECT_OK(files.ReadFile("/a"));
}

TEST(CrashableFileSystem, ACrashFreesLocks) {
  CrashableFileSystem files;
  ASSERT_OK_AND_ASSIGN(auto before, files.TryLock("/lock"));
  ASSERT_NE(before, nullptr);
  files.Crash(Outcome::kKeepAll);
  ASSERT_OK_AND_ASSIGN(const auto after, files.TryLock("/lock"));
  ASSERT_NE(after, nullptr);
  before.reset();  // of a process that is no more
  EXPECT_THAT(files.TryLock("/lock"), IsOkAnd(testing::IsNull()));
}

TEST(CrashableFileSystem, RepeatsWithItsSeed) {
  const auto run = [](uint64_t seed) {
    CrashableFileSystem files(seed);
    for (int i = 0; i < 30; ++i) EXPECT_OK(files.WriteNewFile("/" + std::to_string(i), AsBytes("x")));
    files.Crash(Outcome::kRandom);
    std::set<std::string> names;
    EXPECT_OK(files.List("/", [&](const FileInfo& info) { names.insert(info.name); }));
    return names;
  };
  EXPECT_EQ(run(7), run(7));
  EXPECT_NE(run(7), run(8));
}

}  // namespace
}  // namespace cairn
