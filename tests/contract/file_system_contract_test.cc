// What every FileSystem must do: the system's own, and the one that tests crash, side by side.
#include <algorithm>
#include <atomic>
#include <thread>

#include "engine/env/file_system.h"
#include "tests/support/crashable_file_system.h"
#include "tests/support/matchers.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

struct FileWorld {
  virtual ~FileWorld() = default;
  virtual FileSystem& files() = 0;
  virtual std::string root() const = 0;
};

struct PosixWorld final : FileWorld {
  FileSystem& files() override { return PosixFileSystem(); }
  std::string root() const override { return folder.path(); }
  TempFolder folder;
};

struct CrashableWorld final : FileWorld {
  CrashableWorld() { CHECK(disk.MakeFolder("/root").has_value()); }
  FileSystem& files() override { return disk; }
  std::string root() const override { return "/root"; }
  CrashableFileSystem disk;
};

struct WorldMaker {
  std::string name;
  std::function<std::unique_ptr<FileWorld>()> make;

  static std::string Name(const testing::TestParamInfo<WorldMaker>& info) { return info.param.name; }
};

void PrintTo(const WorldMaker& maker, std::ostream* out) { *out << maker.name; }

class FileSystemContract : public testing::TestWithParam<WorldMaker> {
 protected:
  std::string At(std::string_view name) const { return world_->root() + "/" + std::string(name); }
  Result<void> Write(std::string_view name, std::string_view text) {
    return files_.WriteNewFile(At(name), AsBytes(text));
  }
  // Both ways, which must give the same.
  Result<Bytes> Read(std::string_view name) {
    auto read = files_.ReadFile(At(name));
    Bytes into = ToBytes(AsBytes("what was there before"));
    const auto read_into = files_.ReadFileInto(At(name), into);
    EXPECT_EQ(read_into.has_value(), read.has_value()) << name;
    EXPECT_EQ(into, read ? *read : Bytes()) << name;
    return read;
  }
  std::vector<std::string> List(std::string_view name = "") {
    std::vector<std::string> names;
    EXPECT_OK(files_.List(At(name), [&](const FileInfo& info) {
      names.push_back(info.is_folder ? info.name + "/" : fmt::format("{}:{}", info.name, info.size));
    }));
    std::ranges::sort(names);
    return names;
  }

  template <class T>
  static bool IsUnsupported(const Result<T>& result) {
    return !result && result.error().code() == ErrorCode::kUnsupported;
  }

  std::unique_ptr<FileWorld> world_ = GetParam().make();
  FileSystem& files_ = world_->files();
};

using Names = std::vector<std::string>;

TEST_P(FileSystemContract, WritesNewFilesOnly) {
  EXPECT_OK(Write("a", "hello"));
  EXPECT_THAT(Write("a", "other"), ErrorIs(ErrorCode::kAlreadyExists, testing::HasSubstr("/a")));
  EXPECT_THAT(Read("a"), IsOkAnd(BytesAre("hello")));
  EXPECT_OK(Write("empty", ""));
  EXPECT_THAT(Read("empty"), IsOkAnd(BytesAre("")));
  EXPECT_THAT(Write("no/folder", "x"), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(Write("a/below", "x"), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_P(FileSystemContract, ReadsFilesOnly) {
  ASSERT_OK(files_.MakeFolder(At("folder")));
  EXPECT_THAT(Read("folder"), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(files_.ReadRange(At("folder"), 0, 0), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(Read("absent"), ErrorIs(ErrorCode::kNotFound, testing::HasSubstr("/absent")));
  EXPECT_THAT(Read("folder/absent"), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_P(FileSystemContract, ReadsRanges) {
  ASSERT_OK(Write("a", "0123456789"));
  EXPECT_THAT(files_.ReadRange(At("a"), 3, 4), IsOkAnd(BytesAre("3456")));
  EXPECT_THAT(files_.ReadRange(At("a"), 10, 0), IsOkAnd(BytesAre("")));
  EXPECT_THAT(files_.ReadRange(At("a"), 9, 2), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(files_.ReadRange(At("a"), 11, 0), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(files_.ReadRange(At("a"), UINT64_MAX, 2), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(files_.ReadRange(At("absent"), 0, 1), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_P(FileSystemContract, RenamesAndReplaces) {
  ASSERT_OK(Write("a", "new"));
  ASSERT_OK(Write("b", "old"));
  EXPECT_OK(files_.Rename(At("a"), At("b")));
  EXPECT_THAT(Read("b"), IsOkAnd(BytesAre("new")));
  EXPECT_EQ(List(), (Names{"b:3"}));
  EXPECT_THAT(files_.Rename(At("a"), At("c")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(files_.Rename(At("b"), At("no/folder")), ErrorCodeIs(ErrorCode::kNotFound));
  ASSERT_OK(files_.MakeFolder(At("folder")));
  EXPECT_THAT(files_.Rename(At("b"), At("folder")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(Read("b"), IsOkAnd(BytesAre("new")));
}

TEST_P(FileSystemContract, RenameNewNeverReplaces) {
  ASSERT_OK(Write("a", "new"));
  ASSERT_OK(Write("b", "old"));
  ASSERT_OK(files_.MakeFolder(At("folder")));
  EXPECT_THAT(files_.RenameNew(At("a"), At("b")), ErrorIs(ErrorCode::kAlreadyExists, testing::HasSubstr("/b")));
  EXPECT_THAT(files_.RenameNew(At("a"), At("folder")), ErrorCodeIs(ErrorCode::kAlreadyExists));
  EXPECT_THAT(Read("b"), IsOkAnd(BytesAre("old")));
  EXPECT_OK(files_.RenameNew(At("a"), At("c")));
  EXPECT_THAT(Read("c"), IsOkAnd(BytesAre("new")));
  EXPECT_THAT(files_.RenameNew(At("a"), At("d")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_EQ(List(), (Names{"b:3", "c:3", "folder/"}));
}

TEST_P(FileSystemContract, RenameNewHasOneWinner) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> winners = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const std::string name = "source" + std::to_string(i);
        ASSERT_OK(Write(name, name));
        const auto renamed = files_.RenameNew(At(name), At("target"));
        if (renamed) {
          ++winners;
        } else {
          EXPECT_EQ(renamed.error().code(), ErrorCode::kAlreadyExists);
          EXPECT_OK(files_.Remove(At(name)));
        }
      });
    }
    threads.clear();
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(List(), (Names{"target:7"}));
    ASSERT_OK(files_.Remove(At("target")));
  }
}

TEST_P(FileSystemContract, AFileWithoutANameIsThereOnceItHasOne) {
  const auto made = files_.NewNamelessFile(world_->root());
  if (IsUnsupported(made)) GTEST_SKIP() << made.error().message();
  ASSERT_OK(made);
  NamelessFile* const file = made->get();
  ASSERT_OK(file->Append(AsBytes("hello")));
  ASSERT_OK(file->Append(AsBytes(" world")));
  ASSERT_OK(file->WriteStart(AsBytes("HE")));
  ASSERT_OK(file->Append(AsBytes("!")));
  Bytes range(7);
  ASSERT_OK(file->Read(1, range));
  EXPECT_EQ(AsText(range), "Ello wo");
  EXPECT_THAT(file->Read(6, range), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_EQ(List(), Names());
  ASSERT_OK(Write("filled", "x"));
  EXPECT_THAT(file->GiveName(At("filled")), ErrorIs(ErrorCode::kAlreadyExists, testing::HasSubstr("/filled")));
  EXPECT_THAT(file->GiveName(At("no/folder")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_OK(file->GiveName(At("a")));
  EXPECT_OK(file->Sync());
  EXPECT_THAT(Read("a"), IsOkAnd(BytesAre("HEllo world!")));
  EXPECT_EQ(List(), (Names{"a:12", "filled:1"}));
  // It is still the same file, whatever becomes of the name.
  ASSERT_OK(files_.Remove(At("a")));
  ASSERT_OK(file->Read(5, range));
  EXPECT_EQ(AsText(range), " world!");
  EXPECT_THAT(file->GiveName(At("b")), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_P(FileSystemContract, AFileThatGetsNoNameLeavesNothing) {
  {
    const auto file = files_.NewNamelessFile(world_->root());
    if (IsUnsupported(file)) GTEST_SKIP() << file.error().message();
    ASSERT_OK(file);
    ASSERT_OK((*file)->Append(AsBytes("hello")));
  }
  EXPECT_EQ(List(), Names());
  EXPECT_THAT(files_.NewNamelessFile(At("absent")), ErrorIs(ErrorCode::kNotFound, testing::HasSubstr("/absent")));
}

TEST_P(FileSystemContract, RemovesFiles) {
  ASSERT_OK(Write("a", "x"));
  EXPECT_OK(files_.Remove(At("a")));
  EXPECT_THAT(files_.Remove(At("a")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(files_.Remove(At("no/folder")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(Read("a"), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_EQ(List(), Names());
  EXPECT_OK(Write("a", "again"));
}

TEST_P(FileSystemContract, MakesAndRemovesFolders) {
  EXPECT_OK(files_.MakeFolder(At("folder")));
  EXPECT_OK(files_.MakeFolder(At("folder")));
  EXPECT_THAT(files_.MakeFolder(At("no/folder")), ErrorCodeIs(ErrorCode::kNotFound));
  ASSERT_OK(Write("file", "x"));
  EXPECT_THAT(files_.MakeFolder(At("file")), ErrorCodeIs(ErrorCode::kAlreadyExists));
  ASSERT_OK(Write("folder/a", "x"));
  EXPECT_THAT(files_.RemoveFolder(At("folder")), ErrorCodeIs(ErrorCode::kIo));
  ASSERT_OK(files_.Remove(At("folder/a")));
  EXPECT_THAT(files_.RemoveFolder(At("file")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_OK(files_.RemoveFolder(At("folder")));
  EXPECT_THAT(files_.RemoveFolder(At("folder")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_EQ(List(), (Names{"file:1"}));
}

TEST_P(FileSystemContract, MakeFoldersMakesThoseAbove) {
  EXPECT_OK(MakeFolders(files_, At("a/b/c")));
  EXPECT_OK(MakeFolders(files_, At("a/b/c")));
  EXPECT_OK(MakeFolders(files_, At("a/d/")));
  EXPECT_EQ(List("a"), (Names{"b/", "d/"}));
  ASSERT_OK(Write("file", "x"));
  EXPECT_FALSE(MakeFolders(files_, At("file")));
  EXPECT_FALSE(MakeFolders(files_, At("file/below")));
}

TEST_P(FileSystemContract, SyncsFolders) {
  EXPECT_OK(files_.SyncFolder(world_->root()));
  EXPECT_THAT(files_.SyncFolder(At("absent")), ErrorCodeIs(ErrorCode::kNotFound));
  ASSERT_OK(Write("file", "x"));
  EXPECT_THAT(files_.SyncFolder(At("file")), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_P(FileSystemContract, TellsWhatIsThere) {
  ASSERT_OK(Write("file", "12345"));
  ASSERT_OK(files_.MakeFolder(At("folder")));
  ASSERT_OK_AND_ASSIGN(const FileInfo file, files_.Stat(At("file")));
  EXPECT_EQ(file.name, "file");
  EXPECT_EQ(file.size, 5U);
  EXPECT_FALSE(file.is_folder);
  EXPECT_FALSE(file.is_other);
  const auto age = std::chrono::nanoseconds(SystemClock().Now() - file.modified);
  EXPECT_LT(std::chrono::abs(age), std::chrono::hours(1));
  ASSERT_OK_AND_ASSIGN(const FileInfo folder, files_.Stat(At("folder")));
  EXPECT_TRUE(folder.is_folder);
  EXPECT_THAT(files_.Stat(At("absent")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(files_.Stat(At("file/below")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_EQ(List(), (Names{"file:5", "folder/"}));
  EXPECT_THAT(files_.List(At("absent"), [](const FileInfo&) {}), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(files_.List(At("file"), [](const FileInfo&) {}), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_P(FileSystemContract, LocksExcludeEachOther) {
  ASSERT_OK_AND_ASSIGN(auto first, files_.TryLock(At("lock")));
  ASSERT_NE(first, nullptr);
  EXPECT_THAT(files_.TryLock(At("lock")), IsOkAnd(testing::IsNull()));
  EXPECT_THAT(files_.TryLock(At("other")), IsOkAnd(testing::NotNull()));
  first.reset();
  EXPECT_THAT(files_.TryLock(At("lock")), IsOkAnd(testing::NotNull()));
  EXPECT_THAT(files_.TryLock(At("no/lock")), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_P(FileSystemContract, ALockIsOfTheFileThatHasTheName) {
  ASSERT_OK_AND_ASSIGN(const auto first, files_.TryLock(At("lock")));
  ASSERT_OK(files_.Remove(At("lock")));
  EXPECT_THAT(files_.TryLock(At("lock")), IsOkAnd(testing::NotNull()));
}

TEST_P(FileSystemContract, ALockKeepsTheBytesOfAFile) {
  ASSERT_OK(Write("lock", "who holds it"));
  ASSERT_OK_AND_ASSIGN(const auto lock, files_.TryLock(At("lock")));
  ASSERT_NE(lock, nullptr);
  EXPECT_THAT(Read("lock"), IsOkAnd(BytesAre("who holds it")));
}

TEST_P(FileSystemContract, TellsFreeSpace) {
  ASSERT_OK_AND_ASSIGN(const FileSystem::Space space, files_.FreeSpace(world_->root()));
  EXPECT_GT(space.total, 0U);
  EXPECT_LE(space.free, space.total);
  EXPECT_THAT(files_.FreeSpace(At("absent")), ErrorCodeIs(ErrorCode::kNotFound));
}

INSTANTIATE_TEST_SUITE_P(Both, FileSystemContract,
                         testing::Values(WorldMaker{"Posix", [] { return std::make_unique<PosixWorld>(); }},
                                         WorldMaker{"Crashable", [] { return std::make_unique<CrashableWorld>(); }}),
                         WorldMaker::Name);

}  // namespace
}  // namespace cairn
