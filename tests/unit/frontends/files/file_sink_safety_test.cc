#include <linux/fs.h>

#include "tests/unit/frontends/files/file_sink_fixture.h"

namespace cairn::files_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// --- it never leaves the target ---

TEST_P(FileSinkTest, FollowsNoLinkInTheTarget) {
  MakeLink(base_ + "/outside", At("link"));
  MakeLink("../outside", At("relative"));
  MakeLink("relative", At("twice"));
  for (const std::string name : {"link", "relative", "twice"}) {
    EXPECT_FALSE(sink_->OpenFile(Text(name + "/file"), 1, false).has_value()) << name;
    EXPECT_FALSE(sink_->OpenFile(Text(name + "/file"), 1, true).has_value()) << name;
    EXPECT_FALSE(sink_->MakeFolder(Text(name + "/new")).has_value()) << name;
    EXPECT_FALSE(sink_->MakeSpecial(Text(name + "/new"), Symlink("x")).has_value()) << name;
    EXPECT_FALSE(sink_->SetMetadata(Text(name + "/file"), Metadata(NodeType::kFile, 0), {}).has_value()) << name;
    EXPECT_FALSE(sink_->SetMetadata(Text(name), Metadata(NodeType::kFolder, 0), {}).has_value()) << name;
    EXPECT_FALSE(sink_->List(Text(name)).has_value()) << name;
    EXPECT_OK(sink_->Remove(Text(name + "/file")));  // nothing is there, as far as the target goes
    const auto existing = sink_->Existing(Text(name + "/file"));
    ASSERT_OK(existing);
    EXPECT_FALSE(existing->has_value());
    EXPECT_EQ((*sink_->Existing(Text(name)))->type, NodeType::kSymlink);
  }
  ASSERT_OK(Write("a", "1"));
  EXPECT_FALSE(sink_->MakeLink(Text("link/new"), Text("a")).has_value());
  EXPECT_FALSE(sink_->MakeLink(Text("new"), Text("link/file")).has_value());
}

TEST_P(FileSinkTest, ALinkInPlaceOfAFileIsReplacedAndNotWrittenThrough) {
  for (const bool in_place : {false, true}) {
    MakeLink(base_ + "/outside/file", At("file"));
    EXPECT_OK(Write("file", "new", in_place));
    EXPECT_EQ(ReadFile(At("file")), "new");
    EXPECT_TRUE(S_ISREG(StatOf(At("file")).st_mode));
    EXPECT_OK(sink_->Remove(Text("file")));
  }
}

TEST_P(FileSinkTest, ALinkInPlaceOfAFolderIsReplaced) {
  MakeLink(base_ + "/outside", At("folder"));
  EXPECT_OK(sink_->MakeFolder(Text("folder")));
  EXPECT_TRUE(S_ISDIR(StatOf(At("folder")).st_mode));
}

TEST_P(FileSinkTest, AFolderThatIsMovedAwayDuringTheWritingTakesTheFileAlong) {
  ASSERT_OK(sink_->MakeFolder(Text("folder")));
  auto file = sink_->OpenFile(Text("folder/file"), 3, false).value();
  EXPECT_OK(file->WriteAt(0, AsBytes("new")));
  ASSERT_EQ(::rename(At("folder").c_str(), At("moved").c_str()), 0);
  MakeLink(base_ + "/outside", At("folder"));
  EXPECT_OK(file->Finish(3));
  EXPECT_EQ(ReadFile(At("moved/file")), "new");
  Node node;
  node.type = NodeType::kFolder;
  EXPECT_THAT(sink_->SetMetadata(Text("folder"), node, {}), ErrorCodeIs(ErrorCode::kBusy));
}

TEST_P(FileSinkTest, AFolderThatWasRemovedAndMadeAgainIsTheNewOne) {
  ASSERT_OK(sink_->MakeFolder(Text("folder")));
  ASSERT_OK(Write("folder/file", "old"));
  ASSERT_OK(sink_->Remove(Text("folder/file")));
  ASSERT_OK(sink_->Remove(Text("folder")));
  ASSERT_OK(sink_->MakeFolder(Text("folder")));
  ASSERT_OK(Write("folder/file", "new"));
  EXPECT_EQ(ReadFile(At("folder/file")), "new");
}

TEST_P(FileSinkTest, AnotherFileUnderTheTemporaryNameIsNotWritten) {
  auto sink = MakeSink({.open_files_max = 1});
  auto file = sink->OpenFile(Text("file"), 3, false).value();
  const std::string temporary = TargetNames().front();
  auto other = sink->OpenFile(Text("other"), 3, false).value();  // closes the first one's descriptor
  ASSERT_EQ(::rename(At(temporary).c_str(), At("kept").c_str()), 0);
  MakeLink(base_ + "/outside/file", At(temporary));
  EXPECT_FALSE(file->WriteAt(0, AsBytes("new")).has_value());
  ASSERT_EQ(::unlink(At(temporary).c_str()), 0);
  files_test::WriteFile(At(temporary), "planted");
  EXPECT_THAT(file->WriteAt(0, AsBytes("new")), ErrorCodeIs(ErrorCode::kBusy));
}

TEST_P(FileSinkTest, RefusesPathsThatNoSnapshotHas) {
  for (const std::string& path :
       std::vector<std::string>{"..", "../outside/file", "a/../../outside/file", "/etc/x", "a//b", "a/", ".", "./a",
                                "a/.", "a/..", std::string("a\0b", 3), std::string(5000, 'x')}) {
    SCOPED_TRACE(PathForPeople(AsBytes(path)));
    const TreePath bad = Text(path);
    EXPECT_THAT(sink_->OpenFile(bad, 1, false), ErrorCodeIs(ErrorCode::kInvalidArgument));
    EXPECT_THAT(sink_->MakeFolder(bad), ErrorCodeIs(ErrorCode::kInvalidArgument));
    EXPECT_THAT(sink_->MakeSpecial(bad, Symlink("x")), ErrorCodeIs(ErrorCode::kInvalidArgument));
    EXPECT_THAT(sink_->MakeLink(bad, Text("x")), ErrorCodeIs(ErrorCode::kInvalidArgument));
    EXPECT_THAT(sink_->MakeLink(Text("x"), bad), ErrorCodeIs(ErrorCode::kInvalidArgument));
    EXPECT_THAT(sink_->Remove(bad), ErrorCodeIs(ErrorCode::kInvalidArgument));
    EXPECT_THAT(sink_->List(bad), ErrorCodeIs(ErrorCode::kInvalidArgument));
    EXPECT_THAT(sink_->Existing(bad), ErrorCodeIs(ErrorCode::kInvalidArgument));
    EXPECT_THAT(sink_->SetMetadata(bad, Metadata(NodeType::kFile, 0), {}), ErrorCodeIs(ErrorCode::kInvalidArgument));
  }
  EXPECT_THAT(sink_->Remove(Bytes()), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_THAT(sink_->OpenFile(Bytes(), 1, false), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_THAT(sink_->MakeSpecial(Bytes(), Symlink("x")), ErrorCodeIs(ErrorCode::kInvalidArgument));
}

TEST_P(FileSinkTest, RemovalDoesNotFollowLinks) {
  ASSERT_OK(sink_->MakeFolder(Text("folder")));
  ASSERT_OK(sink_->MakeFolder(Text("folder/in")));
  MakeLink(base_ + "/outside", At("folder/link"));
  MakeLink(base_ + "/outside", At("folder/in/link"));
  EXPECT_FALSE(sink_->Remove(Text("folder")).has_value()) << "only an empty one";
  EXPECT_OK(RemoveTree(Text("folder")));
  EXPECT_THAT(TargetNames(), IsEmpty());
}

TEST_P(FileSinkTest, TheTargetItselfMayBeReachedThroughALink) {
  files_test::MakeFolder(base_ + "/real");
  MakeLink("real", base_ + "/to-real");
  sink_ = MakeSink({.target = base_ + "/to-real"});
  EXPECT_OK(Write("file", "1"));
  EXPECT_EQ(ReadFile(base_ + "/real/file"), "1");
}

// --- one thing in place of another ---

TEST_P(FileSinkTest, EachKindReplacesEachOther) {
  const std::vector<std::pair<std::string, std::function<Result<void>()>>> kinds = {
      {"file", [&] { return Write("x", "1"); }},
      {"folder", [&] { return sink_->MakeFolder(Text("x")); }},
      {"symlink", [&] { return sink_->MakeSpecial(Text("x"), Symlink("nowhere")); }},
      {"fifo", [&] { return sink_->MakeSpecial(Text("x"), Metadata(NodeType::kFifo, 0600)); }},
      {"hard link", [&] { return sink_->MakeLink(Text("x"), Text("first")); }},
  };
  ASSERT_OK(Write("first", "1"));
  for (const auto& [before, make_before] : kinds) {
    for (const auto& [after, make_after] : kinds) {
      SCOPED_TRACE(before + " becomes " + after);
      ASSERT_OK(make_before());
      if (before == "folder") {  // one with something in it stays
        files_test::WriteFile(At("x/inside"), "1");
        EXPECT_EQ(make_after().has_value(), after == "folder");
        EXPECT_EQ(ReadFile(At("x/inside")), "1");
        EXPECT_OK(sink_->Remove(Text("x/inside")));
      }
      EXPECT_OK(make_after());
      EXPECT_EQ(S_ISDIR(StatOf(At("x")).st_mode), after == "folder");
      EXPECT_THAT(TargetNames(), ElementsAre("first", "x"));
      EXPECT_OK(sink_->Remove(Text("x")));
    }
  }
}

TEST_P(FileSinkTest, AFolderThatIsThereStaysWithWhatIsInIt) {
  ASSERT_OK(sink_->MakeFolder(Text("x")));
  ASSERT_OK(Write("x/y", "1"));
  EXPECT_OK(sink_->MakeFolder(Text("x")));
  EXPECT_OK(sink_->MakeFolder(Bytes()));
  EXPECT_EQ(ReadFile(At("x/y")), "1");
}

TEST_P(FileSinkTest, AFolderAboveThatIsMissingIsNotMade) {
  EXPECT_THAT(sink_->OpenFile(Text("no/file"), 1, false), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_THAT(sink_->MakeFolder(Text("no/folder")), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_OK(sink_->Remove(Text("no/folder")));
}

TEST_P(FileSinkTest, ALinkOfAFileToItselfLeavesNothing) {
  ASSERT_OK(Write("a", "1"));
  EXPECT_OK(sink_->MakeLink(Text("b"), Text("a")));
  EXPECT_OK(sink_->MakeLink(Text("b"), Text("a")));
  EXPECT_EQ(StatOf(At("b")).st_nlink, 2u);
  EXPECT_THAT(TargetNames(), ElementsAre("a", "b"));
}

TEST_P(FileSinkTest, ALinkToAnImmutableFileIsMadeAndItStaysImmutable) {
  ASSERT_OK(Write("a", "1"));
  if (!TrySetFlags(At("a"), FS_IMMUTABLE_FL)) GTEST_SKIP() << "no immutable files here";
  EXPECT_OK(sink_->MakeLink(Text("b"), Text("a")));
  EXPECT_EQ(FlagsOf(At("b")), FS_IMMUTABLE_FL);
  EXPECT_OK(sink_->Remove(Text("a")));
  EXPECT_OK(sink_->Remove(Text("b")));
}

TEST_P(FileSinkTest, ImmutableThingsDoNotHinder) {
  ASSERT_OK(sink_->MakeFolder(Text("f")));
  ASSERT_OK(Write("f/a", "1"));
  const auto lock = [&](const char* name) { return TrySetFlags(At(name), FS_IMMUTABLE_FL); };
  if (!lock("f/a")) GTEST_SKIP() << "no immutable files here";
  EXPECT_OK(Write("f/a", "2"));
  ASSERT_TRUE(lock("f/a"));
  EXPECT_OK(Write("f/a", "3", true));
  ASSERT_TRUE(lock("f/a") && lock("f"));
  EXPECT_OK(sink_->MakeFolder(Text("f")));
  EXPECT_OK(Write("f/b", "4"));
  ASSERT_TRUE(lock("f/a") && lock("f"));
  EXPECT_OK(sink_->SetMetadata(Text("f/a"), Metadata(NodeType::kFile, 0604), {}));
  EXPECT_EQ(StatOf(At("f/a")).st_mode & 07777, 0604u);
  EXPECT_EQ(FlagsOf(At("f/a")), 0);
  ASSERT_TRUE(lock("f/a") && lock("f"));
  EXPECT_OK(RemoveTree(Text("f")));
  EXPECT_THAT(TargetNames(), IsEmpty());
}

TEST_P(FileSinkTest, RemovesDeepFolders) {
  int folder = ::open(target_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (int i = 0; i < 500; ++i) {
    ASSERT_EQ(::mkdirat(folder, "deep-folder", 0755), 0);
    const int inner = ::openat(folder, "deep-folder", O_PATH | O_DIRECTORY | O_CLOEXEC);
    ASSERT_EQ(::mknodat(inner, "file", S_IFREG | 0600, 0), 0);
    ::close(folder);
    folder = inner;
  }
  ::close(folder);
  EXPECT_OK(RemoveTree(Text("deep-folder")));
  EXPECT_THAT(TargetNames(), IsEmpty());
}

TEST_P(FileSinkTest, WritesBelowAPathThatIsLongerThanTheSystemTakes) {
  TreePath path;
  for (int i = 0; i < 30; ++i) {
    path = JoinPath(path, AsBytes(std::string(200, 'n')));
    ASSERT_OK(sink_->MakeFolder(path));
  }
  const TreePath file_path = JoinPath(path, AsBytes("file"));
  auto file = sink_->OpenFile(file_path, 4, false).value();
  EXPECT_OK(file->WriteAt(0, AsBytes("deep")));
  EXPECT_OK(file->Finish(4));
  EXPECT_EQ((*sink_->Existing(file_path))->size, 4u);
  EXPECT_OK(sink_->SetMetadata(file_path, Metadata(NodeType::kFile, 0640), {}));
  EXPECT_OK(RemoveTree(Text(std::string(200, 'n'))));
}

}  // namespace
}  // namespace cairn::files_test
