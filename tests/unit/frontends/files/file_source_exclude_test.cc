#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/unit/frontends/files/file_source_fixture.h"

namespace cairn::files_test {
namespace {

using testing::ElementsAre;

ExcludeRules Rules(std::initializer_list<std::string_view> patterns) {
  ExcludeRules rules;
  for (const std::string_view pattern : patterns) EXPECT_OK(rules.Add(pattern));
  return rules;
}

TEST_F(FileSourceTest, ExcludesByRulesButNotThePathsThatWereGiven) {
  for (const char* folder : {"src", "src/build", "src/lib"}) MakeFolder(At(folder));
  for (const char* file : {"src/a.c", "src/a.o", "src/lib/b.o", "src/build/x", "src/lib/keep.o"})
    WriteFile(At(file), "");
  EXPECT_THAT(Read({.excludes = Rules({"*.o", "!keep.o", "build/"})}).paths(),
              ElementsAre("", "src", "src/a.c", "src/lib", "src/lib/keep.o"));
  EXPECT_THAT(
      Read({.paths = {At("src")}, .excludes = Rules({"src", "lib/b.o", "/" + At("src/build").substr(1)})}).paths(),
      ElementsAre("", "src", "src/a.c", "src/a.o", "src/lib", "src/lib/keep.o"));
  EXPECT_THAT(Read({.paths = {At("src/a.o")}, .excludes = Rules({"*.o"})}).paths(), ElementsAre("", "src", "src/a.o"));
}

TEST_F(FileSourceTest, AGivenPathInAnExcludedFolderIsKeptAlone) {
  for (const char* folder : {"a", "a/b", "a/c"}) MakeFolder(At(folder));
  WriteFile(At("a/b/x"), "");
  WriteFile(At("a/c/y"), "");
  EXPECT_THAT(Read({.paths = {base_, At("a/b")}, .excludes = Rules({"a/"})}).paths(),
              ElementsAre("", "a", "a/b", "a/b/x"));
}

TEST_F(FileSourceTest, ACacheKeepsItsTagAlone) {
  MakeFolder(At("cache"));
  MakeFolder(At("no-cache"));
  WriteFile(At("cache/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n# by a test\n");
  WriteFile(At("cache/x"), "");
  WriteFile(At("no-cache/CACHEDIR.TAG"), "Signature: something else\n");
  WriteFile(At("no-cache/x"), "");
  EXPECT_THAT(Read({.exclude_caches = true}).paths(),
              ElementsAre("", "cache", "cache/CACHEDIR.TAG", "no-cache", "no-cache/CACHEDIR.TAG", "no-cache/x"));
  EXPECT_TRUE(Read().has("cache/x"));
  EXPECT_TRUE(Read({.paths = {At("cache")}, .exclude_caches = true}).has("cache/x"));  // the user wants this one
}

TEST_F(FileSourceTest, AFifoIsNoCacheTag) {
  MakeFolder(At("cache"));
  ASSERT_EQ(::mkfifo(At("cache/CACHEDIR.TAG").c_str(), 0600), 0);
  WriteFile(At("cache/x"), "");
  EXPECT_TRUE(Read({.exclude_caches = true}).has("cache/x"));
}

TEST_F(FileSourceTest, AMarkedFolderKeepsItsMarkAlone) {
  for (const char* folder : {"a", "a/in", "b"}) MakeFolder(At(folder));
  for (const char* file : {"a/.nobackup", "a/x", "a/in/y", "b/x"}) WriteFile(At(file), "");
  EXPECT_THAT(Read({.exclude_if_present = {".nobackup"}}).paths(), ElementsAre("", "a", "a/.nobackup", "b", "b/x"));
}

TEST_F(FileSourceTest, AMarkHoldsForFoldersAboveAGivenPath) {
  for (const char* folder : {"mk", "mk/b", "mk/b/c", "mk/b/d"}) MakeFolder(At(folder));
  for (const char* file : {"mk/NOBACK", "mk/x", "mk/b/y", "mk/b/c/z", "mk/b/d/u"}) WriteFile(At(file), "");
  const std::vector<std::string> paths = {base_, At("mk/b/c")};
  EXPECT_THAT(Read({.paths = paths, .exclude_if_present = {"NOBACK"}}).paths(),
              ElementsAre("", "mk", "mk/NOBACK", "mk/b", "mk/b/c", "mk/b/c/z"));
  WriteFile(At("mk/CACHEDIR.TAG"), "Signature: 8a477f597d28d172789f06886806bc55\n");
  EXPECT_THAT(Read({.paths = paths, .exclude_caches = true}).paths(),
              ElementsAre("", "mk", "mk/CACHEDIR.TAG", "mk/b", "mk/b/c", "mk/b/c/z"));
}

TEST_F(FileSourceTest, LargeFilesAreLeftOut) {
  WriteFile(At("small"), std::string(10, 'x'));
  WriteFile(At("large"), std::string(11, 'x'));
  MakeFolder(At("folder"));
  EXPECT_THAT(Read({.exclude_larger_than = 10}).paths(), ElementsAre("", "folder", "small"));
}

TEST_F(FileSourceTest, TheRepositoryIsLeftOutAndTold) {
  for (const char* folder : {"repo", "repo/data", "work"}) MakeFolder(At(folder));
  WriteFile(At("repo/config"), "");
  MakeLink("../repo", At("work/link"));
  const SeenTree tree = Read({.repository = At("work/link")});  // by what it is, not by its name
  EXPECT_THAT(tree.paths(), ElementsAre("", "work", "work/link"));
  EXPECT_THAT(tree.FindingLines(), ElementsAre("note repo: it is the repository itself, and left out"));
}

TEST_F(FileSourceTest, AGivenPathInTheRepositoryIsRefusedAndBothAreNamed) {
  for (const char* folder : {"repo", "repo/data", "repo/data/00", "work"}) MakeFolder(At(folder));
  MakeLink("../repo", At("work/link"));
  for (const std::string& path : {At("repo"), At("repo/data/00"), At("work/link/"), At("work/link/data")}) {
    EXPECT_THAT(FileSource::Make({.paths = {At("work"), path}, .repository = At("repo")}),
                ErrorIs(ErrorCode::kInvalidArgument, testing::AllOf(testing::StartsWith(At("repo")),
                                                                    testing::HasSubstr("repository " + At("repo")))))
        << path;
  }
  EXPECT_OK(
      FileSource::Make({.paths = {At("work/link"), base_}, .repository = At("repo")}));  // the link, not the folder
  EXPECT_OK(FileSource::Make({.paths = {At("repo")}, .repository = At("gone")}));
}

TEST_F(FileSourceTest, OnlyCachesAreLeftOutOfTheFolderThatTheyAreIn) {
  const std::string cache = std::string(32, 'a'), digest = std::string(32, 'b');
  for (const std::string& folder :
       {std::string("docs"), "docs/" + cache, "docs/" + cache + "/running", "docs/" + digest}) {
    MakeFolder(At(folder));
  }
  for (const std::string& file : {std::string("docs/a"), "docs/" + cache + "/remembered", "docs/" + digest + "/x"}) {
    WriteFile(At(file), "");
  }
  const std::vector<std::string> all = {"", "docs", "docs/a", "docs/" + digest, "docs/" + digest + "/x"};
  EXPECT_EQ(Read({.cache_root = At("docs")}).paths(), all);
  EXPECT_EQ(Read({.paths = {At("docs")}, .cache_root = At("docs")}).paths(), all);
  EXPECT_EQ(Read({.paths = {At("docs/a")}, .cache_root = base_}).paths(),
            (std::vector<std::string>{"", "docs", "docs/a"}));
  EXPECT_TRUE(Read().has("docs/" + cache + "/remembered"));
}

TEST_F(FileSourceTest, AGivenPathInACacheIsKeptAlone) {
  const std::string cache = std::string(32, 'a');
  for (const std::string& folder : {cache, cache + "/running", cache + "/index"}) MakeFolder(At(folder));
  for (const std::string& file : {cache + "/remembered", cache + "/index/x"}) WriteFile(At(file), "");
  EXPECT_THAT(Read({.paths = {base_, At(cache + "/index")}, .cache_root = base_}).paths(),
              ElementsAre("", cache, cache + "/index", cache + "/index/x"));
  EXPECT_TRUE(Read({.paths = {At(cache)}, .cache_root = base_}).has(cache + "/remembered"));
}

// Mounts in a namespace of its own; 77: not allowed here.
int InMountNamespace(const std::string& mount_point, const std::function<int()>& body) {
  const pid_t child = ::fork();
  CHECK(child >= 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("test", mount_point.c_str(), "tmpfs", 0, "size=1m") != 0) {
      ::_exit(77);
    }
    ::_exit(body());
  }
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST_F(FileSourceTest, OneFileSystemKeepsAMountPointEmpty) {
  MakeFolder(At("mounted"));
  const int status = InMountNamespace(At("mounted"), [&] {
    WriteFile(At("mounted/x"), "");
    WriteFile(At("mounted/y"), "");
    CHECK(::link(At("mounted/x").c_str(), At("mounted/z").c_str()) == 0);
    const auto all = Read().paths();
    const auto one = Read({.one_file_system = true}).paths();
    const auto named = Read({.paths = {base_, At("mounted/x")}, .one_file_system = true}).paths();
    const auto own = Read({.paths = {At("mounted")}, .one_file_system = true}).paths();
    if (all != std::vector<std::string>{"", "mounted", "mounted/x", "mounted/y", "mounted/z"}) return 1;
    if (one != std::vector<std::string>{"", "mounted"}) return 2;
    if (named != std::vector<std::string>{"", "mounted", "mounted/x"}) return 3;
    if (own != all) return 4;
    if (Read().at("mounted/x").entry.mount_path != Text(At("mounted").substr(1))) return 5;
    return 0;
  });
  if (status == 77) GTEST_SKIP() << "this user may not mount";
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace cairn::files_test
