#include "engine/store/webdav/layout.h"

#include "tests/support/matchers.h"
#include "tests/support/named.h"

namespace cairn::webdav {
namespace {

Entry File(std::string name) { return {.name = std::move(name), .is_folder = false}; }

TEST(Layout, SharedObjectsAreFolders) {
  EXPECT_EQ(PlaceOf(Named("snapshots/ab")), "snapshots/ab/");
  EXPECT_EQ(FileOf(Named("snapshots/ab")), "snapshots/ab/_");
  EXPECT_EQ(FileOf(Named("config/1"), 7), "config/1/_7");
  EXPECT_EQ(PlaceOf(Named("data/ab/cd")), "data/ab/cd");
  EXPECT_EQ(FileOf(Named("data/ab/cd")), "data/ab/cd");
  EXPECT_FALSE(IsSharedFolder("snapshots/"));
  EXPECT_TRUE(IsSharedFolder("snapshots/ab/"));
  EXPECT_FALSE(IsSharedFolder(""));
}

// Of these two alone the protocol asks for PutIfAbsent: a third must be added here.
TEST(Layout, NamesThatSeveralWantAreShared) {
  const SessionId session;
  for (const ObjectName& name : {ConfigName(1), SnapshotName(session)}) EXPECT_TRUE(IsShared(name.text()));
  for (const ObjectName& name : {SessionName(session), SeenListName(session), KeyName({}), SegmentName({})}) {
    EXPECT_FALSE(IsShared(name.text())) << name.text();
  }
}

TEST(Layout, NothingIsHidden) {
  for (const std::string_view name : {"..a/b..", "a/.b/c", "a.b", "a"}) {
    const std::string stored = Stored(name);
    EXPECT_EQ(("/" + stored).find("/."), std::string::npos) << stored;
    std::string back;
    for (size_t at = 0; at < stored.size();) {
      const size_t end = std::min(stored.find('/', at), stored.size());
      back += (back.empty() ? "" : "/") + NameOf(File(stored.substr(at, end - at))).value();
      at = end + 1;
    }
    EXPECT_EQ(back, name);
  }
  EXPECT_EQ(NameOf(File(".DS_Store")), std::nullopt);
}

TEST(Layout, TheNewestFileCounts) {
  const std::vector<Entry> entries = {File("_2"),
                                      File("_10"),
                                      File("_"),
                                      File("_011"),
                                      File("_x"),
                                      File("12"),
                                      {.name = "_99", .is_folder = true},
                                      File("_99999999999")};
  ASSERT_NE(NewestOf(entries), nullptr);
  EXPECT_EQ(NewestOf(entries)->name, "_10");
  EXPECT_EQ(NewestOf({File("x")}), nullptr);
  EXPECT_EQ(VersionOf(File("_")), 0U);
}

TEST(Layout, FoldersAbove) {
  EXPECT_EQ(FolderOf("data/ab/cd"), "data/ab/");
  EXPECT_EQ(FolderOf("snapshots/ab/"), "snapshots/");
  EXPECT_EQ(FolderOf("tmp/"), "");
  EXPECT_EQ(FolderOf("a"), "");
}

TEST(Layout, WhatIsOutside) {
  for (const std::string_view path : {"tmp", "tmp/", "tmp/x", "lost+found/"}) EXPECT_TRUE(IsOutside(path)) << path;
  for (const std::string_view path : {"", "data/", "tmpx", "data/tmp"}) EXPECT_FALSE(IsOutside(path)) << path;
}

}  // namespace
}  // namespace cairn::webdav
