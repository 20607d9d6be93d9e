#include "engine/tree/tree_cursor.h"

#include "engine/tree/tree_walker.h"
#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::tree_test {
namespace {

using testing::ElementsAre;

std::vector<std::string> PathsOf(BlobSource& blobs, const BlobId& root) {
  std::vector<std::string> paths;
  TreeCursor cursor(blobs, root);
  for (;;) {
    const auto node = cursor.Next();
    if (!node) paths.push_back(std::string(Name(node.error().code())));
    if (!node || *node == nullptr) return paths;
    EXPECT_TRUE(ToString(cursor.path()).ends_with(ToString((*node)->name)));
    paths.push_back(ToString(cursor.path()));
  }
}

TEST(TreeCursor, GoesInTheOrderOfAWalk) {
  MemoryBlobs blobs;
  const Subtree inner = Build(blobs, {File("x"), Folder("y", Build(blobs, {File("z")}))});
  const Subtree root =
      Build(blobs, {File("a"), Folder("b", inner), Folder("c", Build(blobs, {})), Folder("d", inner), File("e")});
  std::vector<std::string> walked;
  TreeVisitor visitor;
  visitor.each = [&](const TreePath& path, const Node&) -> Result<bool> {
    walked.push_back(ToString(path));
    return true;
  };
  ASSERT_OK(WalkTree(blobs, root.root, Bytes(), visitor));
  EXPECT_EQ(PathsOf(blobs, root.root), walked);
  EXPECT_THAT(walked, ElementsAre("a", "b", "b/x", "b/y", "b/y/z", "c", "d", "d/x", "d/y", "d/y/z", "e"));
}

TEST(TreeCursor, OfAnEmptyTreeIsAtItsEnd) {
  MemoryBlobs blobs;
  EXPECT_THAT(PathsOf(blobs, Build(blobs, {}).root), ElementsAre());
}

TEST(TreeCursor, TellsOfAFolderThatIsGone) {
  MemoryBlobs blobs;
  const Subtree lost = Build(blobs, {File("x")});
  const Subtree root = Build(blobs, {Folder("a", lost), File("b")});
  blobs.Remove(lost.root);
  EXPECT_THAT(PathsOf(blobs, root.root), ElementsAre("a", "not found"));
}

}  // namespace
}  // namespace cairn::tree_test
