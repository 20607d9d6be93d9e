#include "engine/tree/tree_versions.h"

#include <fmt/ranges.h>

#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::tree_test {
namespace {

using testing::ElementsAre;

// What a walk says, a line each: "a/x: 1,3 | 2" where the second tree has another node.
struct Walk {
  std::vector<std::string> lines;
  std::map<BlobId, int> seen;
  VersionsVisitor visitor;

  Walk() {
    visitor.each = [this](const TreePath& path, const std::vector<NodeVersion>& versions) -> Result<bool> {
      std::string line = ToString(path) + ":";
      for (const NodeVersion& one : versions) {
        line += (&one == versions.data() ? " " : " | ") + fmt::format("{}", fmt::join(*one.trees, ","));
      }
      lines.push_back(line);
      return true;
    };
    visitor.each_blob = [this](const TreePath&, const BlobId& id, const TreeNumbers&) -> Result<void> {
      ++seen[id];
      return {};
    };
    visitor.failed = [this](const TreePath& path, const TreeNumbers& trees, const Error& error) -> Result<void> {
      lines.push_back(fmt::format("failed {}: {} {}", ToString(path), fmt::join(trees, ","), Name(error.code())));
      return {};
    };
  }
  Result<void> Run(MemoryBlobs& blobs, const std::vector<Subtree>& trees) {
    std::vector<std::pair<uint32_t, BlobId>> roots;
    for (const Subtree& tree : trees) roots.emplace_back(static_cast<uint32_t>(roots.size()), tree.root);
    return WalkVersions(blobs, roots, Bytes(), visitor);
  }
};

TEST(TreeVersions, TellsEachPathOnceWithAllThatItIs) {
  MemoryBlobs blobs;
  const Subtree inner = Build(blobs, {File("x", 1)}), changed = Build(blobs, {File("x", 2), File("y")});
  Walk walk;
  EXPECT_OK(walk.Run(blobs, {Build(blobs, {File("a"), Folder("d", inner), File("z", 1)}),
                             Build(blobs, {Folder("d", changed), File("z", 2)}),
                             Build(blobs, {File("a"), Folder("d", inner), File("z", 1)})}));
  EXPECT_THAT(walk.lines, ElementsAre("a: 0,2", "d: 0,2 | 1", "d/x: 0,2 | 1", "d/y: 1", "z: 0,2 | 1"));
}

TEST(TreeVersions, OneTreeIsWalkedAsWalkTreeWalksIt) {
  MemoryBlobs blobs;
  const Subtree root =
      Build(blobs, {File("a"), Folder("b", Build(blobs, {Folder("c", Build(blobs, {File("x")}))})), File("d")});
  Walk walk;
  EXPECT_OK(walk.Run(blobs, {root}));
  EXPECT_THAT(walk.lines, ElementsAre("a: 0", "b: 0", "b/c: 0", "b/c/x: 0", "d: 0"));
}

// A folder of thousands, of which each tree has another entry changed: leaves that they share are read once. Each tree
// has a root of its own, and two blobs between that and the leaves.
TEST(TreeVersions, ReadsWhatTreesShareOnce) {
  constexpr uint64_t kEntries = 5000;
  constexpr size_t kTrees = 20;
  MemoryBlobs blobs;
  std::vector<Subtree> trees;
  std::vector<Node> nodes = NumberedFiles(kEntries);
  for (size_t i = 0; i < kTrees; ++i) {
    nodes[i * 211].size = 5'000 + i;
    nodes[i * 211].content->entries = {Hole(5'000 + i)};
    trees.push_back(Build(blobs, nodes));
  }
  const size_t distinct = blobs.size();
  const uint64_t reads = blobs.reads();
  Walk walk;
  EXPECT_OK(walk.Run(blobs, trees));
  ASSERT_EQ(walk.lines.size(), kEntries);
  EXPECT_LE(blobs.reads() - reads, distinct + 2 * kTrees);
  EXPECT_EQ(walk.seen.size(), distinct);
  EXPECT_EQ(walk.lines[211], Numbered(211) + ": 0 | " + "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19");
}

TEST(TreeVersions, TreesOfAnyTwoChoicesOfNamesAreTold) {
  const SeededRandom random;
  MemoryBlobs blobs;
  std::vector<Subtree> trees;
  std::map<std::string, std::vector<size_t>> expected;
  for (size_t tree = 0; tree < 6; ++tree) {
    std::vector<Node> nodes;
    for (uint64_t i = 0; i < 3000; ++i) {
      if (random.Below(4) == 0) continue;
      nodes.push_back(File(Numbered(i)));
      expected[Numbered(i)].push_back(tree);
    }
    trees.push_back(Build(blobs, nodes));
  }
  std::vector<std::string> lines;
  for (const auto& [name, numbers] : expected) lines.push_back(fmt::format("{}: {}", name, fmt::join(numbers, ",")));
  Walk walk;
  EXPECT_OK(walk.Run(blobs, trees));
  EXPECT_EQ(walk.lines, lines);
}

TEST(TreeVersions, GoesOnInTheOthersWhereAFolderOfOneIsGone) {
  MemoryBlobs blobs;
  const Subtree lost = Build(blobs, {File("x")}), there = Build(blobs, {File("x"), File("y")});
  const std::vector<Subtree> trees{Build(blobs, {Folder("d", lost), File("e")}),
                                   Build(blobs, {Folder("d", there), File("e")})};
  blobs.Remove(lost.root);
  Walk walk;
  EXPECT_OK(walk.Run(blobs, trees));
  EXPECT_THAT(walk.lines, ElementsAre("d: 0 | 1", "failed d: 0 not found", "d/x: 1", "d/y: 1", "e: 0,1"));
  walk.visitor.failed = nullptr;
  EXPECT_THAT(walk.Run(blobs, trees), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST(TreeVersions, TellsWhichTreeSaysAnotherCount) {
  MemoryBlobs blobs;
  const Subtree right = Build(blobs, {File("x")});
  Subtree liar = right;
  liar.entries = 7;
  Walk walk;
  EXPECT_OK(walk.Run(blobs, {Build(blobs, {Folder("d", right)}), Build(blobs, {Folder("d", liar)})}));
  EXPECT_THAT(walk.lines, ElementsAre("d: 0 | 1", "d/x: 0,1", "failed d: 1 corrupt"));
}

TEST(TreeVersions, LeavesOutWhatIsInAFolderThatIsNotWanted) {
  MemoryBlobs blobs;
  const Subtree inner = Build(blobs, {File("x")});
  Walk walk;
  const auto each = walk.visitor.each;
  walk.visitor.each = [&](const TreePath& path, const std::vector<NodeVersion>& versions) -> Result<bool> {
    RETURN_IF_ERROR(each(path, versions));
    return AsText(path) != "closed";
  };
  EXPECT_OK(walk.Run(blobs, {Build(blobs, {Folder("closed", inner), Folder("open", inner)})}));
  EXPECT_THAT(walk.lines, ElementsAre("closed: 0", "open: 0", "open/x: 0"));
}

TEST(TreeVersions, WalksThousandsOfNestedFoldersAndNoMore) {
  MemoryBlobs blobs;
  Subtree nested = Build(blobs, {});
  for (size_t i = 1; i < 4097; ++i) nested = Build(blobs, {Folder("d", nested)});
  Walk walk;
  EXPECT_OK(walk.Run(blobs, {nested}));
  EXPECT_EQ(std::ranges::count_if(walk.lines, [](const auto& line) { return line.starts_with("failed"); }), 1);
}

}  // namespace
}  // namespace cairn::tree_test
