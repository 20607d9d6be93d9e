#include "engine/tree/tree_walker.h"

#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::tree_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What a walk says, a line each.
struct Walk {
  std::vector<std::string> lines;
  TreeVisitor visitor;

  Walk() {
    visitor.each = [this](const TreePath& path, const Node& node) -> Result<bool> {
      lines.push_back(ToString(path));
      return AsText(node.name) != "closed";
    };
    visitor.after = [this](const TreePath& path, const Node&) -> Result<void> {
      lines.push_back("after " + ToString(path));
      return {};
    };
    visitor.failed = [this](const TreePath& path, const Error& error) -> Result<void> {
      lines.push_back("failed " + ToString(path) + ": " + std::string(Name(error.code())));
      return {};
    };
  }
};

TEST(TreeWalker, GoesDepthFirstInOrderOfNames) {
  MemoryBlobs blobs;
  const Subtree inner = Build(blobs, {File("x")});
  const Subtree root =
      Build(blobs, {File("a"), Folder("b", inner), Folder("closed", inner), Folder("d", Build(blobs, {}))});
  Walk walk;
  EXPECT_OK(WalkTree(blobs, root.root, Bytes(), walk.visitor));
  EXPECT_THAT(walk.lines, ElementsAre("a", "b", "b/x", "after b", "closed", "d", "after d"));
}

TEST(TreeWalker, BeginsPathsWithTheGivenOne) {
  MemoryBlobs blobs;
  const Subtree root = Build(blobs, {Folder("b", Build(blobs, {File("x")}))});
  Walk walk;
  EXPECT_OK(WalkTree(blobs, root.root, Text("usr/lib"), walk.visitor));
  EXPECT_THAT(walk.lines, ElementsAre("usr/lib/b", "usr/lib/b/x", "after usr/lib/b"));
}

TEST(TreeWalker, GoesOnBesideAFolderThatIsGone) {
  MemoryBlobs blobs;
  const Subtree lost = Build(blobs, {File("x")});
  const Subtree root = Build(blobs, {Folder("a", lost), File("b")});
  blobs.Remove(lost.root);
  Walk walk;
  EXPECT_OK(WalkTree(blobs, root.root, Bytes(), walk.visitor));
  EXPECT_THAT(walk.lines, ElementsAre("a", "failed a: not found", "after a", "b"));
  walk.visitor.failed = nullptr;
  EXPECT_THAT(WalkTree(blobs, root.root, Bytes(), walk.visitor), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST(TreeWalker, TellsOfARootThatIsGone) {
  MemoryBlobs blobs;
  Walk walk;
  EXPECT_OK(WalkTree(blobs, BlobId(), Bytes(), walk.visitor));
  EXPECT_THAT(walk.lines, ElementsAre("failed : not found"));
}

TEST(TreeWalker, TellsWhereAFolderSaysAnotherCount) {
  MemoryBlobs blobs;
  Subtree liar = Build(blobs, {File("x")});
  liar.entries = 7;
  const Subtree root = Build(blobs, {Folder("a", liar)});
  Walk walk;
  EXPECT_OK(WalkTree(blobs, root.root, Bytes(), walk.visitor));
  EXPECT_THAT(walk.lines, ElementsAre("a", "a/x", "failed a: corrupt", "after a"));
}

TEST(TreeWalker, InterruptionIsNoDamage) {
  struct Stopped : BlobSource {
    Result<std::shared_ptr<const Bytes>> ReadBlob(BlobKind, const BlobId&) override {
      return Error(ErrorCode::kInterrupted, "interrupted");
    }
    Digest MetadataHash(std::string_view, std::initializer_list<ByteSpan>) const override { return Digest(); }
  } blobs;
  Walk walk;
  EXPECT_THAT(WalkTree(blobs, BlobId(), Bytes(), walk.visitor), ErrorCodeIs(ErrorCode::kInterrupted));
  EXPECT_TRUE(walk.lines.empty());
}

Subtree Nest(MemoryBlobs& blobs, size_t depth) {
  Subtree subtree = Build(blobs, {});
  for (size_t i = 1; i < depth; ++i) subtree = Build(blobs, {Folder("d", subtree)});
  return subtree;
}

TEST(TreeWalker, WalksThousandsOfNestedFoldersAndNoMore) {
  MemoryBlobs blobs;
  Walk walk;
  EXPECT_OK(WalkTree(blobs, Nest(blobs, 4096).root, Bytes(), walk.visitor));
  EXPECT_EQ(walk.lines.size(), 2u * 4095);
  walk.lines.clear();
  EXPECT_OK(WalkTree(blobs, Nest(blobs, 4097).root, Bytes(), walk.visitor));
  EXPECT_EQ(std::count_if(walk.lines.begin(), walk.lines.end(),
                          [](const std::string& line) { return line.starts_with("failed"); }),
            1);
}

// --- differences ---

Result<std::vector<std::string>> Diff(MemoryBlobs& blobs, const Subtree& before, const Subtree& after) {
  constexpr std::string_view kNames[] = {"added", "removed", "content", "metadata", "type"};
  std::vector<std::string> lines;
  auto result = DiffTrees(blobs, before.root, blobs, after.root,
                          [&](const TreePath& path, Difference what, const Node* old_node, const Node* new_node) {
                            EXPECT_EQ(old_node == nullptr, what == Difference::kAdded);
                            EXPECT_EQ(new_node == nullptr, what == Difference::kRemoved);
                            lines.push_back(fmt::format("{} {}", kNames[static_cast<int>(what)], AsText(path)));
                            return Result<void>();
                          });
  if (!result) return result.error();
  return lines;
}

TEST(DiffTrees, EqualTreesAreNotRead) {
  MemoryBlobs blobs;
  const Subtree tree = Build(blobs, NumberedFiles(1000));
  const uint64_t reads = blobs.reads();
  ASSERT_OK_AND_ASSIGN(const auto lines, Diff(blobs, tree, tree));
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(blobs.reads(), reads);
}

TEST(DiffTrees, NamesWhatDiffers) {
  MemoryBlobs blobs;
  Node moved = File("mode");
  moved.mode = 0600;
  const Subtree same = Build(blobs, NumberedFiles(1000));
  const Subtree before = Build(blobs, {File("bytes", 1), File("gone"), Symlink("link", "a"), File("mode"),
                                       Folder("same", same), Folder("sub", Build(blobs, {File("x"), File("y")}))});
  const Subtree after = Build(blobs, {File("bytes", 2), Symlink("link", "b"), moved, File("new"), Folder("same", same),
                                      Folder("sub", Build(blobs, {File("x"), File("z")}))});
  ASSERT_OK_AND_ASSIGN(const auto lines, Diff(blobs, before, after));
  EXPECT_THAT(lines, ElementsAre("content bytes", "removed gone", "content link", "metadata mode", "added new",
                                 "removed sub/y", "added sub/z"));
}

TEST(DiffTrees, AFolderThatIsThereOnOneSideIsNamedWithAllThatIsInIt) {
  MemoryBlobs blobs;
  const Subtree inner = Build(blobs, {File("x"), Folder("y", Build(blobs, {File("z")}))});
  const Subtree empty = Build(blobs, {});
  const Subtree full = Build(blobs, {Folder("a", inner), File("b")});
  ASSERT_OK_AND_ASSIGN(const auto added, Diff(blobs, empty, full));
  EXPECT_THAT(added, ElementsAre("added a", "added a/x", "added a/y", "added a/y/z", "added b"));
  ASSERT_OK_AND_ASSIGN(const auto removed, Diff(blobs, full, empty));
  EXPECT_THAT(removed, ElementsAre("removed a", "removed a/x", "removed a/y", "removed a/y/z", "removed b"));
}

TEST(DiffTrees, AFolderThatBecameAFileLosesWhatWasInIt) {
  MemoryBlobs blobs;
  const Subtree folder = Build(blobs, {Folder("a", Build(blobs, {File("x")}))});
  const Subtree file = Build(blobs, {File("a")});
  ASSERT_OK_AND_ASSIGN(const auto lost, Diff(blobs, folder, file));
  EXPECT_THAT(lost, ElementsAre("type a", "removed a/x"));
  ASSERT_OK_AND_ASSIGN(const auto won, Diff(blobs, file, folder));
  EXPECT_THAT(won, ElementsAre("type a", "added a/x"));
}

TEST(DiffTrees, InformativeTimesMakeNoDifference) {
  MemoryBlobs blobs;
  Node copy = File("a");
  copy.changed = WireTime{5, 0};
  copy.born = WireTime{6, 0};
  ASSERT_OK_AND_ASSIGN(const auto lines, Diff(blobs, Build(blobs, {File("a")}), Build(blobs, {copy})));
  EXPECT_TRUE(lines.empty());
}

TEST(DiffTrees, ReadsOnlyTheWayToADifferenceInAHugeFolder) {
  MemoryBlobs blobs;
  std::vector<Node> folders;
  const Subtree same = Build(blobs, NumberedFiles(100));
  for (uint64_t i = 0; i < 300; ++i) folders.push_back(Folder(Numbered(i), same));
  const Subtree before = Build(blobs, folders);
  folders[150] = Folder(Numbered(150), Build(blobs, NumberedFiles(101)));
  const Subtree after = Build(blobs, folders);
  const uint64_t reads = blobs.reads();
  ASSERT_OK_AND_ASSIGN(const auto lines, Diff(blobs, before, after));
  EXPECT_THAT(lines, ElementsAre("added f00000150/f00000100"));
  EXPECT_LE(blobs.reads() - reads, 30u);
}

TEST(DiffTrees, ErrorsNameTheFolder) {
  MemoryBlobs blobs;
  const Subtree lost = Build(blobs, {File("x")});
  const Subtree before = Build(blobs, {Folder("a", Build(blobs, {}))});
  const Subtree after = Build(blobs, {Folder("a", lost)});
  blobs.Remove(lost.root);
  EXPECT_THAT(Diff(blobs, before, after), ErrorIs(ErrorCode::kNotFound, HasSubstr("folder a")));
}

}  // namespace
}  // namespace cairn::tree_test
