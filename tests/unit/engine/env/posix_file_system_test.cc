// What only the real file system has: modes, links, pipes, other processes, full disks, and old kernels. The rest is
// in tests/contract.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <map>
#include <thread>
#include <vector>

#include "engine/env/file_system.h"
#include "repo-format/base/units.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tiny_disk.h"

namespace cairn {
namespace {

using testing::HasSubstr;

class PosixFileSystemTest : public testing::Test {
 protected:
  std::string At(std::string_view name) const { return folder_ / name; }
  Result<void> Write(std::string_view name, std::string_view text) {
    return files_.WriteNewFile(At(name), AsBytes(text));
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info{};
    return lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  std::map<std::string, FileInfo> List() {
    std::map<std::string, FileInfo> entries;
    EXPECT_OK(files_.List(folder_.path(), [&](const FileInfo& info) { entries[info.name] = info; }));
    return entries;
  }
  // Runs `body` in a child process; true if it says so.
  static bool InChild(const std::function<bool()>& body) {
    const pid_t child = fork();
    if (child == 0) _exit(body() ? 0 : 1);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

  const TempFolder folder_;
  FileSystem& files_ = PosixFileSystem();
};

TEST_F(PosixFileSystemTest, NewFilesAndFoldersAreForTheirOwnerOnly) {
  const mode_t old_mask = umask(0);
  EXPECT_OK(Write("file", "x"));
  EXPECT_OK(files_.MakeFolder(At("folder")));
  EXPECT_OK(MakeFolders(files_, At("a/b")));
  EXPECT_THAT(files_.TryLock(At("lock")), IsOk());
  umask(old_mask);
  EXPECT_EQ(ModeOf(At("file")), 0600U);
  EXPECT_EQ(ModeOf(At("lock")), 0600U);
  EXPECT_EQ(ModeOf(At("folder")), 0700U);
  EXPECT_EQ(ModeOf(At("a")), 0700U);
  EXPECT_EQ(ModeOf(At("a/b")), 0700U);
}

TEST_F(PosixFileSystemTest, ReadsIntoMemoryThatIsThere) {
  ASSERT_OK(files_.WriteNewFile(At("long"), Bytes(100'000, 'l')));
  ASSERT_OK(Write("short", "12345"));
  Bytes bytes;
  ASSERT_OK(files_.ReadFileInto(At("long"), bytes));
  const uint8_t* place = bytes.data();
  ASSERT_OK(files_.ReadFileInto(At("short"), bytes));
  EXPECT_EQ(AsText(bytes), "12345");
  EXPECT_THAT(files_.ReadFileInto(At("nothing"), bytes), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_TRUE(bytes.empty());
  ASSERT_OK(files_.ReadFileInto(At("long"), bytes));
  EXPECT_EQ(bytes, Bytes(100'000, 'l'));
  EXPECT_EQ(bytes.data(), place);
}

TEST_F(PosixFileSystemTest, FollowsLinks) {
  ASSERT_OK(Write("file", "12345"));
  ASSERT_OK(files_.MakeFolder(At("folder")));
  ASSERT_EQ(symlink("file", At("to-file").c_str()), 0);
  ASSERT_EQ(symlink("folder", At("to-folder").c_str()), 0);
  ASSERT_EQ(symlink("nothing", At("to-nothing").c_str()), 0);
  EXPECT_THAT(files_.ReadFile(At("to-file")), IsOkAnd(BytesAre("12345")));
  EXPECT_THAT(files_.ReadFile(At("to-nothing")), ErrorCodeIs(ErrorCode::kNotFound));
  auto entries = List();
  EXPECT_EQ(entries["to-file"].size, 5U);
  EXPECT_FALSE(entries["to-file"].is_other);
  EXPECT_TRUE(entries["to-folder"].is_folder);
  EXPECT_TRUE(entries["to-nothing"].is_other);
}

// Ten billion seconds are more nanoseconds than 64 bits hold; not every file system has such times.
TEST_F(PosixFileSystemTest, ATimeFarAwayIsNoTimeBefore1970) {
  ASSERT_OK(Write("file", "x"));
  for (const time_t seconds : {time_t{10'000'000'000}, time_t{INT64_MAX}, time_t{-10'000'000'000}}) {
    const timespec times[2] = {{seconds, 0}, {seconds, 999'999'999}};
    ASSERT_EQ(utimensat(AT_FDCWD, At("file").c_str(), times, 0), 0);
    ASSERT_OK_AND_ASSIGN(const FileInfo info, files_.Stat(At("file")));
    EXPECT_GE(info.modified, 0) << seconds;
    EXPECT_LE(info.modified, int64_t{9'000'000'000} * 1'000'000'000 + 999'999'999) << seconds;
  }
}

TEST_F(PosixFileSystemTest, NeverWritesThroughALink) {
  ASSERT_EQ(symlink("elsewhere", At("link").c_str()), 0);
  EXPECT_THAT(Write("link", "x"), ErrorCodeIs(ErrorCode::kAlreadyExists));
  EXPECT_FALSE(files_.TryLock(At("link")));
  EXPECT_FALSE(List().contains("elsewhere"));
}

TEST_F(PosixFileSystemTest, DoesNotWaitForAPipe) {
  ASSERT_EQ(mkfifo(At("pipe").c_str(), 0600), 0);
  EXPECT_THAT(files_.ReadFile(At("pipe")), ErrorIs(ErrorCode::kCorrupt, HasSubstr("no regular file")));
  EXPECT_TRUE(List()["pipe"].is_other);
}

TEST_F(PosixFileSystemTest, ALockIsGoneWhenItsProcessDies) {
  const auto held_by_other = [&] {
    const auto lock = PosixFileSystem().TryLock(At("lock"));
    return lock.has_value() && *lock == nullptr;
  };
  {
    ASSERT_OK_AND_ASSIGN(const auto lock, files_.TryLock(At("lock")));
    EXPECT_TRUE(InChild(held_by_other));
  }
  EXPECT_TRUE(InChild([&] {
    auto lock = files_.TryLock(At("lock"));
    return lock.has_value() && lock->release() != nullptr;  // dies with it
  }));
  EXPECT_THAT(files_.TryLock(At("lock")), IsOkAnd(testing::NotNull()));
}

// Who opens a lock file just before its holder removes it would hold a lock beside the holder of the next file.
TEST_F(PosixFileSystemTest, LocksExcludeThoughTheFileIsRemovedByItsHolder) {
  std::atomic<int> inside = 0;
  std::atomic<int> granted = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 2'000; ++n) {
        ASSERT_OK_AND_ASSIGN(const auto lock, files_.TryLock(At("lock")));
        if (lock == nullptr) continue;
        ++granted;
        EXPECT_EQ(++inside, 1);
        EXPECT_OK(files_.Stat(At("lock")));
        --inside;
        EXPECT_OK(files_.Remove(At("lock")));
      }
    });
  }
  threads.clear();
  EXPECT_GT(granted, 0);
}

TEST_F(PosixFileSystemTest, AShortWriteIsContinuedAndAFailedOneLeavesNothing) {
  EXPECT_TRUE(InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 10'000, .rlim_max = 10'000};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    // The first write is cut short at the limit, the second says why.
    const auto written = files_.WriteNewFile(At("file"), Bytes(20'000));
    return !written && written.error().system_errno() == EFBIG && !files_.Stat(At("file"));
  }));
}

TEST_F(PosixFileSystemTest, AFullDiskIsNoSpaceAndLeavesNothing) {
  const auto result = RunOnTinyDisk(256 * kKiB, [&](const std::string& path) {
    EXPECT_THAT(files_.WriteNewFile(path + "/big", Bytes(kMiB)), ErrorIs(ErrorCode::kNoSpace, HasSubstr("/big")));
    EXPECT_THAT(files_.Stat(path + "/big"), ErrorCodeIs(ErrorCode::kNotFound));
    EXPECT_OK(files_.WriteNewFile(path + "/small", Bytes(128 * kKiB)));
    ASSERT_OK_AND_ASSIGN(const FileSystem::Space space, files_.FreeSpace(path));
    EXPECT_EQ(space.total, 256 * kKiB);
    EXPECT_LE(space.free, 128 * kKiB);
  });
  if (result == TinyDiskResult::kNotAllowed) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(result, TinyDiskResult::kPassed);
}

TEST_F(PosixFileSystemTest, AReadOnlyDiskIsPermission) {
  const auto result = RunOnTinyDisk(256 * kKiB, [&](const std::string& path) {
    EXPECT_OK(files_.WriteNewFile(path + "/file", AsBytes("x")));
    EXPECT_OK(files_.MakeFolder(path + "/folder"));
    ASSERT_TRUE(RemountReadOnly(path));
    EXPECT_THAT(files_.WriteNewFile(path + "/new", AsBytes("x")), ErrorIs(ErrorCode::kPermission, HasSubstr("/new")));
    EXPECT_THAT(files_.Remove(path + "/file"), ErrorIs(ErrorCode::kPermission, HasSubstr("/file")));
    EXPECT_THAT(files_.Rename(path + "/file", path + "/b"), ErrorCodeIs(ErrorCode::kPermission));
    EXPECT_THAT(files_.MakeFolder(path + "/new"), ErrorCodeIs(ErrorCode::kPermission));
    EXPECT_OK(files_.MakeFolder(path + "/folder"));
    EXPECT_OK(files_.SyncFolder(path));
    EXPECT_THAT(files_.ReadFile(path + "/file"), IsOkAnd(BytesAre("x")));
  });
  if (result == TinyDiskResult::kNotAllowed) GTEST_SKIP() << "no mounts here";
  EXPECT_EQ(result, TinyDiskResult::kPassed);
}

// From now on renameat2 fails in this process as on a file system, or a kernel, that does not have it.
bool RefuseExclusiveRename(int with_errno) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_renameat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(with_errno)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = std::size(program), .filter = program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST_F(PosixFileSystemTest, RenamesExclusivelyWhereTheSystemHasNoSuchCall) {
  ASSERT_OK(Write("a", "new"));
  ASSERT_OK(Write("b", "old"));
  for (const int with_errno : {EINVAL, ENOSYS}) {
    ASSERT_OK(Write("c", "next"));
    EXPECT_TRUE(InChild([&] {
      if (!RefuseExclusiveRename(with_errno)) return false;
      const auto refused = files_.RenameNew(At("a"), At("b"));
      const auto missing = files_.RenameNew(At("none"), At("d"));
      return !refused && refused.error().code() == ErrorCode::kAlreadyExists && !missing &&
             missing.error().code() == ErrorCode::kNotFound && files_.RenameNew(At("c"), At("d")).has_value();
    })) << with_errno;
    EXPECT_THAT(files_.ReadFile(At("a")), IsOkAnd(BytesAre("new")));
    EXPECT_THAT(files_.ReadFile(At("b")), IsOkAnd(BytesAre("old")));
    EXPECT_THAT(files_.ReadFile(At("d")), IsOkAnd(BytesAre("next")));
    EXPECT_EQ(List().size(), 3U);
    ASSERT_OK(files_.Remove(At("d")));
  }
}

// A network file system that repeats a request whose answer was lost tells EEXIST of a link that it has made itself.
TEST_F(PosixFileSystemTest, ALinkThatWasMadeByALostRequestIsOurs) {
  ASSERT_OK(Write("a", "ours"));
  ASSERT_EQ(link(At("a").c_str(), At("b").c_str()), 0);
  EXPECT_TRUE(InChild([&] { return RefuseExclusiveRename(EINVAL) && files_.RenameNew(At("a"), At("b")).has_value(); }));
  EXPECT_EQ(List().size(), 1U);
  EXPECT_THAT(files_.ReadFile(At("b")), IsOkAnd(BytesAre("ours")));
}

}  // namespace
}  // namespace cairn
