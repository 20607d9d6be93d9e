#include "frontends/serve/resource_tree.h"

#include "tests/unit/frontends/serve/resource_fixture.h"

namespace cairn::serve {
namespace {

using testing::ElementsAre;
using ResourceTreeTest = ResourceFixture;

TEST_F(ResourceTreeTest, LatestIsAFolder) {
  EXPECT_THAT(List(""), ElementsAre("/by-host/", "/by-id/", "/by-path/", "/by-tag/", "/by-time/"));
  EXPECT_THAT(List("by-time"), ElementsAre("/by-time/latest/", "/by-time/t1/", "/by-time/t2/"));
  EXPECT_THAT(List("by-time/latest"),
              ElementsAre("/by-time/latest/new", "/by-time/latest/parts", "/by-time/latest/wide/"));
  EXPECT_EQ(Find("by-time/latest")->resource.modified, (WireTime{2, 0}));
  EXPECT_EQ(Find("by-time/latest")->resource.used, 17U);
  EXPECT_EQ(Find("by-time/latest/new")->resource.href, "/by-time/latest/new");
}

TEST_F(ResourceTreeTest, ListsLinksToFilesAndNothingElseThatIsNone) {
  EXPECT_THAT(List("by-time/t1"), ElementsAre("/by-time/t1/a%20b", "/by-time/t1/d/", "/by-time/t1/l1", "/by-time/t1/l2",
                                              "/by-time/t1/same"));
  EXPECT_THAT(List("by-time/t1/d"), ElementsAre("/by-time/t1/d/f", "/by-time/t1/d/up"));
  EXPECT_EQ(Find("by-time/t1/l1")->resource.size, 7U);
  EXPECT_EQ(Find("by-time/t1/d/up")->resource.size, 5U);
}

TEST_F(ResourceTreeTest, FollowsLinksToFoldersInPaths) {
  EXPECT_EQ(Find("by-time/t1/to d/f")->resource.href, "/by-time/t1/to%20d/f");
  EXPECT_THAT(List("by-time/t1/to d"), ElementsAre("/by-time/t1/to%20d/f", "/by-time/t1/to%20d/up"));
  EXPECT_TRUE(Find("by-time/t1/here/here/d"));
}

TEST_F(ResourceTreeTest, NothingLeadsOutOfAnItem) {
  for (const std::string_view none :
       {"abs", "d/way out", "loop", "gone", "fifo", "to fifo", "a b/x", "none", "none/x"}) {
    EXPECT_FALSE(Find(fmt::format("by-time/t1/{}", none))) << none;
  }
  EXPECT_FALSE(Find("by-time/t3"));
}

TEST_F(ResourceTreeTest, TheSameBytesHaveTheSameTag) {
  const std::string tag = Find("by-time/t1/a b")->resource.etag;
  EXPECT_EQ(tag.size(), 34U);
  EXPECT_EQ(Find("by-time/t1/same")->resource.etag, tag);
  EXPECT_EQ(Find("by-id/" + shown_[0]->id.ToHex() + "/d/up")->resource.etag, tag);
  EXPECT_NE(Find("by-time/t1/d/f")->resource.etag, tag);
  EXPECT_EQ(Find("by-time/t1/d")->resource.etag, "");
}

}  // namespace
}  // namespace cairn::serve
