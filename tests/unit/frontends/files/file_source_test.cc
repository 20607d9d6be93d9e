#include "frontends/files/file_source.h"

#include <linux/fs.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/frontends/files/file_source_fixture.h"
#include "tests/unit/frontends/files/odd_tree.h"

namespace cairn::files_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// --- which paths ---

TEST_F(FileSourceTest, FoldersAboveAreThereAndNothingElseOfThem) {
  MakeFolder(At("a"), 0711);
  MakeFolder(At("a/b"));
  WriteFile(At("a/b/file"), "1");
  WriteFile(At("a/other"), "2");
  auto source = FileSource::Make({.paths = {At("a/b")}}).value();
  const SeenTree tree = ReadSource(*source, At("a"), true);
  std::vector<std::string> expected;
  for (size_t slash = base_.find('/', 1); slash != std::string::npos; slash = base_.find('/', slash + 1)) {
    expected.push_back(base_.substr(0, slash));
  }
  expected.insert(expected.end(), {base_, "", "b", "b/file"});
  EXPECT_THAT(tree.paths(), testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(tree.at("").entry.mode, 0711u);
  EXPECT_EQ(tree.at("").entry.modified,
            (WireTime{StatOf(At("a")).st_mtim.tv_sec, static_cast<uint32_t>(StatOf(At("a")).st_mtim.tv_nsec)}));
}

TEST_F(FileSourceTest, TakesFilesAndSeveralPaths) {
  MakeFolder(At("a"));
  WriteFile(At("a/x"), "1");
  WriteFile(At("a/y"), "2");
  WriteFile(At("b"), "3");
  EXPECT_THAT(Read({.paths = {At("b"), At("a/y"), At("b")}}).paths(), ElementsAre("", "a", "a/y", "b"));
}

TEST_F(FileSourceTest, OneOfThePathsInAnotherIsReadOnce) {
  MakeFolder(At("a"));
  WriteFile(At("a/x"), "1");
  EXPECT_THAT(Read({.paths = {At("a/x"), At("a"), base_}}).paths(), ElementsAre("", "a", "a/x"));
}

TEST_F(FileSourceTest, PathsAreAbsoluteAscendingAndOnce) {
  MakeFolder(At("a"));
  const auto source = FileSource::Make({.paths = {At("b"), At("a/../b"), At("a/."), At("a")}}).value();
  EXPECT_THAT(source->paths(), ElementsAre(Text(At("a")), Text(At("b"))));
}

TEST_F(FileSourceTest, LinksAboveAPathAreResolvedAndItsLastNameIsNot) {
  MakeFolder(At("real"));
  MakeFolder(At("real/in"));
  WriteFile(At("real/in/file"), "1");
  MakeLink("real", At("link"));
  MakeLink("in", At("real/last"));
  EXPECT_THAT(Read({.paths = {At("link/in")}}).paths(), ElementsAre("", "real", "real/in", "real/in/file"));
  const SeenTree last = Read({.paths = {At("link/last")}});
  EXPECT_THAT(last.paths(), ElementsAre("", "real", "real/last"));
  EXPECT_EQ(last.at("real/last").entry.type, NodeType::kSymlink);
  EXPECT_THAT(Read({.paths = {At("link/last/")}}).paths(), ElementsAre("", "real", "real/in", "real/in/file"));
}

TEST_F(FileSourceTest, RelativePathsAreThoseOfTheWorkingFolder) {
  MakeFolder(At("a"));
  MakeFolder(At("a/b"));
  WriteFile(At("a/b/x"), "1");
  const std::string before = files::ResolvePath(".").value();
  ASSERT_EQ(::chdir(At("a/b").c_str()), 0);
  const auto here = FileSource::Make({.paths = {"."}});
  const auto up = FileSource::Make({.paths = {"../b/x"}});
  ASSERT_EQ(::chdir(before.c_str()), 0);
  EXPECT_THAT((*here)->paths(), ElementsAre(Text(At("a/b"))));
  EXPECT_THAT((*up)->paths(), ElementsAre(Text(At("a/b/x"))));
}

TEST_F(FileSourceTest, APathThatIsMissingIsTold) {
  WriteFile(At("a"), "1");
  const SeenTree tree = Read({.paths = {At("a"), At("gone"), At("no/such")}});
  EXPECT_THAT(tree.paths(), ElementsAre("", "a"));
  EXPECT_THAT(tree.FindingLines(), UnorderedElementsAre(HasSubstr("warning gone: "), HasSubstr("warning no: ")));
}

TEST_F(FileSourceTest, NothingToBackUpIsAnError) {
  EXPECT_THAT(FileSource::Make({}), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_THAT(FileSource::Make({.paths = {""}}), ErrorCodeIs(ErrorCode::kInvalidArgument));
  const std::vector<std::string> paths{At("gone"), At("away")};
  const auto is_told = ErrorIs(ErrorCode::kNotFound, HasSubstr(At("away")));
  EXPECT_THAT(FileSource::Make({.paths = paths}), is_told);
  WriteFile(At("gone"), "1");
  auto source = FileSource::Make({.paths = paths}).value();
  ASSERT_EQ(::unlink(At("gone").c_str()), 0);
  EXPECT_THAT(source->OpenRoot({}), is_told);
}

TEST_F(FileSourceTest, TheWholeRootCanBeGiven) {
  auto source = FileSource::Make({.paths = {"/"}}).value();
  const auto root = source->OpenRoot({}).value();
  const auto entries = root->List().value();
  EXPECT_NE(std::ranges::find(entries, Text("etc"), &SourceEntry::name), entries.end());
  EXPECT_OK(source->RootEntry());
}

// --- what an entry is ---

TEST_F(FileSourceTest, ListsInOrderOfUnsignedBytes) {
  for (const char* name : {"b", "a", "\xff", "A", "\xc3\xa9", "a.b", "a b"}) WriteFile(At(name), "");
  auto source = FileSource::Make({.paths = {base_}}).value();
  std::string names;
  const auto folder = OpenBase(*source);
  const auto entries = folder->List().value();
  for (const SourceEntry& entry : entries) names += ToString(entry.name) + "|";
  EXPECT_EQ(names, "A|a|a b|a.b|b|\xc3\xa9|\xff|");
}

TEST_F(FileSourceTest, SocketsAreToldAndSkipped) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(At("socket").size(), sizeof(address.sun_path));
  std::copy_n(At("socket").c_str(), At("socket").size() + 1, address.sun_path);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  WriteFile(At("a"), "");
  const SeenTree tree = Read();
  ::close(fd);
  EXPECT_THAT(tree.paths(), ElementsAre("", "a"));
  EXPECT_THAT(tree.FindingLines(), ElementsAre("note socket: sockets are not kept"));
}

TEST_F(FileSourceTest, HardLinksShareInodeAndMountPath) {
  WriteFile(At("a"), "1");
  MakeFolder(At("f"));
  ASSERT_EQ(::link(At("a").c_str(), At("f/b").c_str()), 0);
  WriteFile(At("c"), "1");
  const SeenTree tree = Read();
  EXPECT_TRUE(tree.at("a").entry.linked);
  EXPECT_EQ(tree.at("a").entry.inode, tree.at("f/b").entry.inode);
  EXPECT_EQ(tree.at("a").entry.mount_path, tree.at("f/b").entry.mount_path);
  EXPECT_FALSE(tree.at("c").entry.linked);
  EXPECT_FALSE(tree.at("f").entry.linked);  // though its link count is above 1
}

TEST_F(FileSourceTest, HolesAreFoundAtTheBeginningInTheMiddleAndAtTheEnd) {
  constexpr uint64_t kMiB = 1 << 20, kData = 65536;
  MakeSparse(At("begin"), kMiB, {kMiB - kData});
  MakeSparse(At("middle"), kMiB, {0, kMiB - kData});
  MakeSparse(At("end"), kMiB, {0});
  MakeSparse(At("all"), kMiB, {});
  WriteFile(At("none"), std::string(kData, 'x'));
  WriteFile(At("zeros"), std::string(kData, '\0'));
  WriteFile(At("empty"), "");
  const SeenTree tree = Read();
  if (tree.at("all").extents.size() == 1 && !tree.at("all").extents[0].hole) GTEST_SKIP() << "no holes here";
  const auto extents = [&](const char* path) {
    std::string text;
    for (const auto& extent : tree.at(path).extents)
      text += fmt::format("{}{} ", extent.hole ? "h" : "d", extent.length);
    return text;
  };
  EXPECT_EQ(extents("begin"), "h983040 d65536 ");
  EXPECT_EQ(extents("middle"), "d65536 h917504 d65536 ");
  EXPECT_EQ(extents("end"), "d65536 h983040 ");
  EXPECT_EQ(extents("all"), "h1048576 ");
  EXPECT_EQ(extents("none"), "d65536 ");
  EXPECT_EQ(extents("zeros"), "d65536 ");
  EXPECT_EQ(extents("empty"), "");
  for (const char* path : {"begin", "middle", "end", "all"}) EXPECT_EQ(tree.at(path).bytes, ReadFile(At(path))) << path;
}

TEST_F(FileSourceTest, TimesAreKeptToTheNanosecondAndBeyond2262) {
  const std::pair<const char*, WireTime> times[] = {{"now", {1'700'000'000, 123'456'789}},
                                                    {"early", {-1, 999'999'999}},
                                                    {"old", {-2'000'000'000, 1}},
                                                    {"late", {10'000'000'000, 2}}};
  for (const auto& [name, time] : times) {
    WriteFile(At(name), "");
    SetTime(At(name), time.seconds, time.nanoseconds);
  }
  const SeenTree tree = Read();
  for (const auto& [name, time] : times) {
    if (StatOf(At(name)).st_mtim.tv_sec != time.seconds) continue;  // beyond what this file system keeps
    EXPECT_EQ(tree.at(name).entry.modified, time) << name;
    EXPECT_EQ(tree.at(name).entry.mark.modified, time) << name;
    EXPECT_TRUE(tree.at(name).metadata.changed.has_value());
  }
}

TEST_F(FileSourceTest, AttributesAscendAndAclsAreAsTheKernelGivesThem) {
  WriteFile(At("file"), "");
  const bool done = TrySetAttribute(At("file"), "user.b", "2") && TrySetAttribute(At("file"), "user.a", "") &&
                    TrySetAttribute(At("file"), "user.large", std::string(2000, 'v')) &&
                    TrySetAttribute(At("file"), "system.posix_acl_access", AclBytes(1));
  if (!done) GTEST_SKIP() << "no extended attributes here";
  const auto attributes = Read().at("file").metadata.attributes;
  ASSERT_EQ(attributes.size(), 4u);
  EXPECT_EQ(attributes[0], std::pair(Text("system.posix_acl_access"), Text(AclBytes(1))));
  EXPECT_EQ(attributes[1], std::pair(Text("user.a"), Bytes()));
  EXPECT_EQ(attributes[2], std::pair(Text("user.b"), Text("2")));
  EXPECT_EQ(attributes[3], std::pair(Text("user.large"), Text(std::string(2000, 'v'))));
}

TEST_F(FileSourceTest, FlagsAreThoseThatCanBeRestored) {
  WriteFile(At("file"), "");
  if (!TrySetFlags(At("file"), FS_NODUMP_FL)) GTEST_SKIP() << "no flags here";
  EXPECT_EQ(Read().at("file").metadata.flags, 0x40u);  // and not that it has extents
}

TEST_F(FileSourceTest, OwnersHaveNamesWhereTheSystemKnowsThem) {
  WriteFile(At("mine"), "");
  if (IsRoot()) {
    WriteFile(At("unknown"), "");
    ASSERT_EQ(::chown(At("unknown").c_str(), 3'999'999'999u, 123'456'789), 0);
    const SeenTree tree = Read();
    EXPECT_EQ(tree.at("mine").metadata.user, Text("root"));
    EXPECT_EQ(tree.at("mine").metadata.group, Text("root"));
    EXPECT_EQ(tree.at("unknown").entry.uid, 3'999'999'999u);
    EXPECT_TRUE(tree.at("unknown").metadata.user.empty());
  }
  EXPECT_EQ(Read().at("mine").entry.uid, ::geteuid());
}

TEST_F(FileSourceTest, AccessTimesStayAsTheyAre) {
  WriteFile(At("file"), "1");
  const timespec times[2] = {{1'000'000, 0}, {2'000'000'000, 0}};  // read before it was written: relatime would set it
  ASSERT_EQ(::utimensat(AT_FDCWD, At("file").c_str(), times, 0), 0);
  ASSERT_EQ(::utimensat(AT_FDCWD, base_.c_str(), times, 0), 0);
  Read();
  EXPECT_EQ(StatOf(At("file")).st_atim.tv_sec, 1'000'000);
  EXPECT_EQ(StatOf(base_).st_atim.tv_sec, 1'000'000);
}

TEST_F(FileSourceTest, ReadsOneOfEverything) {
  MakeOddTree(base_);
  const SeenTree tree = Read();
  FreeOddTree(base_);
  EXPECT_THAT(tree.FindingLines(), IsEmpty());
  for (const auto& [path, seen] : tree.entries) {
    EXPECT_TRUE(seen.unread.empty() || (path == "mode-000" && !IsRoot())) << path << ": " << seen.unread;
  }
  EXPECT_EQ(tree.at("links/long").metadata.target.size(), 4000u);
  EXPECT_EQ(tree.at("specials/fifo").entry.type, NodeType::kFifo);
  EXPECT_EQ(tree.at("text").bytes, "hello\n");
}

}  // namespace
}  // namespace cairn::files_test
