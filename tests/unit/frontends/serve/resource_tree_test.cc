#include "frontends/serve/resource_tree.h"

#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::serve {
namespace {

using testing::ElementsAre;
using tree_test::Build;
using tree_test::File;
using tree_test::Folder;
using tree_test::Symlink;
using tree_test::Text;
using view::ShownSnapshot;
using view::SnapshotFolders;
using view::SnapshotNames;
using view::ViewTree;

class ResourceTreeTest : public testing::Test {
 protected:
  ResourceTreeTest() {
    Node fifo = File("fifo");
    fifo.type = NodeType::kFifo;
    fifo.content.reset();
    const Subtree d = Build(blobs_, {File("f", 7), Symlink("up", "../a b"), Symlink("way out", "../../x")});
    const Subtree root =
        Build(blobs_, {File("a b", 5), Symlink("abs", "/a b"), Folder("d", d), fifo, Symlink("gone", "none"),
                       Symlink("here", "."), Symlink("l1", "l2"), Symlink("l2", "./d/../d//f"), Symlink("loop", "loop"),
                       File("same", 5), Symlink("to d", "d"), Symlink("to fifo", "fifo")});
    Add(root.root);
    Add(Build(blobs_, {File("new", 1)}).root);
    folders_ = std::make_shared<const SnapshotFolders>(shown_, names_);
  }
  void Add(const BlobId& root) {
    auto snapshot = std::make_shared<LoadedSnapshot>();
    snapshot->id = random_.NewId<SnapshotId>();
    snapshot->inner.start.seconds = static_cast<int64_t>(shown_.size()) + 1;
    snapshot->inner.totals.bytes = 17;
    SnapshotItem item;
    item.root = root;
    snapshot->inner.items.push_back(item);
    shown_.push_back(std::move(snapshot));
  }

  std::optional<ResourceTree::Found> Find(std::string_view path) {
    std::vector<Bytes> names;
    for (std::string_view rest = path; !rest.empty();) {
      names.push_back(ToBytes(AsBytes(rest.substr(0, rest.find('/')))));
      rest.remove_prefix(std::min(names.back().size() + 1, rest.size()));
    }
    auto found = resources_.Find(names);
    EXPECT_OK(found);
    return found ? *found : std::nullopt;
  }
  std::vector<std::string> List(std::string_view path) {
    std::vector<std::string> hrefs;
    const auto folder = Find(path);
    EXPECT_TRUE(folder) << path;
    auto list = resources_.Open(*folder);
    EXPECT_OK(list);
    for (;;) {
      const auto next = (*list)->Next();
      EXPECT_OK(next);
      if (!next || !*next) return hrefs;
      hrefs.push_back((*next)->href);
    }
  }

  const SeededRandom random_{3};
  MemoryBlobs blobs_;
  std::vector<ShownSnapshot> shown_;
  SnapshotNames names_{[](const WireTime& time) { return fmt::format("t{}", time.seconds); }};
  std::shared_ptr<const SnapshotFolders> folders_;
  files::OwnerNames owners_;
  ViewTree tree_{[this](ViewTree::Look) -> Result<std::shared_ptr<const SnapshotFolders>> { return folders_; },
                 blobs_,
                 owners_,
                 {},
                 {}};
  ResourceTree resources_{tree_};
};

TEST_F(ResourceTreeTest, LatestIsAFolder) {
  EXPECT_THAT(List(""), ElementsAre("/by-host/", "/by-id/", "/by-path/", "/by-tag/", "/by-time/"));
  EXPECT_THAT(List("by-time"), ElementsAre("/by-time/latest/", "/by-time/t1/", "/by-time/t2/"));
  EXPECT_THAT(List("by-time/latest"), ElementsAre("/by-time/latest/new"));
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
