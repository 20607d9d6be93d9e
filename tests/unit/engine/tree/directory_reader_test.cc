#include "engine/tree/directory_reader.h"

#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::tree_test {
namespace {

using testing::HasSubstr;

BlobId StoreBlob(MemoryBlobs& blobs, const DirectoryBlob& blob) {
  return blobs.AddBlob(BlobKind::kMetadata, blob.Encode()).value();
}
// What an honest parent says of this blob.
DirectoryChild ChildOf(MemoryBlobs& blobs, const DirectoryBlob& blob) {
  DirectoryChild child;
  child.last_name = blob.depth == 0 ? blob.nodes.back().name : blob.children.back().last_name;
  child.leaf_entries = blob.nodes.size();
  for (const Node& node : blob.nodes) child.bytes += node.size;
  for (const DirectoryChild& below : blob.children) {
    child.leaf_entries += below.leaf_entries;
    child.bytes += below.bytes;
  }
  child.id = StoreBlob(blobs, blob);
  return child;
}
DirectoryBlob Leaf(const std::vector<Node>& nodes) {
  DirectoryBlob blob;
  blob.nodes = nodes;
  return blob;
}
DirectoryBlob Inner(uint8_t depth, const std::vector<DirectoryChild>& children) {
  DirectoryBlob blob;
  blob.depth = depth;
  blob.children = children;
  return blob;
}

Result<std::vector<std::string>> Names(MemoryBlobs& blobs, const BlobId& root) {
  std::vector<std::string> names;
  auto result = ForEachNode(blobs, root, [&](const Node& node) -> Result<void> {
    names.push_back(ToString(node.name));
    return {};
  });
  if (!result) return result.error();
  return names;
}

TEST(DirectoryReader, GivesNodesBack) {
  for (const size_t count : {0u, 1u, 300u, 20'000u}) {
    SCOPED_TRACE(count);
    MemoryBlobs blobs;
    const auto nodes = NumberedFiles(count);
    const Subtree subtree = Build(blobs, nodes);
    std::vector<Node> read;
    EXPECT_OK(ForEachNode(blobs, subtree.root, [&](const Node& node) -> Result<void> {
      read.push_back(node);
      return {};
    }));
    EXPECT_TRUE(read == nodes);
  }
}

TEST(DirectoryReader, FindsOneNameInAFewReads) {
  MemoryBlobs blobs;
  const auto nodes = NumberedFiles(50'000, 2);
  const Subtree subtree = Build(blobs, nodes);
  for (const uint64_t number : {0u, 1u, 25'000u, 49'999u}) {
    const uint64_t reads = blobs.reads();
    ASSERT_OK_AND_ASSIGN(const auto found, FindNode(blobs, subtree.root, Text(Numbered(number * 2))));
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(*found, nodes[number]);
    EXPECT_LE(blobs.reads() - reads, 4u);
  }
  for (const std::string name : {"", "a", "f", "f00000001", "f00050001", "g"}) {
    ASSERT_OK_AND_ASSIGN(const auto found, FindNode(blobs, subtree.root, Text(name)));
    EXPECT_FALSE(found.has_value()) << name;
  }
}

TEST(DirectoryReader, FindsPaths) {
  MemoryBlobs blobs;
  const Subtree lib = Build(blobs, {File("x", 5), Symlink("y", "x")});
  const Subtree usr = Build(blobs, {Folder("lib", lib)});
  const Subtree root = Build(blobs, {File("a"), Folder("usr", usr)});
  for (const std::string path : {"usr/lib/x", "/usr//lib/x", "usr/lib/x/"}) {
    ASSERT_OK_AND_ASSIGN(const auto found, FindPath(blobs, root.root, Text(path)));
    ASSERT_TRUE(found.has_value()) << path;
    EXPECT_EQ(*found, File("x", 5));
  }
  for (const std::string path : {"usr/lib/z", "a/x", "usr/lib/x/x", "usr/lib/y/x", "..", "usr/../a", "."}) {
    ASSERT_OK_AND_ASSIGN(const auto found, FindPath(blobs, root.root, Text(path)));
    EXPECT_FALSE(found.has_value()) << path;
  }
}

TEST(DirectoryReader, TheEmptyPathIsTheRootAsAFolder) {
  MemoryBlobs blobs;
  const Subtree subtree = Build(blobs, NumberedFiles(5'000));
  ASSERT_OK_AND_ASSIGN(const auto found, FindPath(blobs, subtree.root, Bytes()));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->type, NodeType::kFolder);
  EXPECT_TRUE(found->name.empty());
  EXPECT_EQ(found->subtree, subtree);
}

TEST(DirectoryReader, CursorEndsAndStaysAtItsEnd) {
  MemoryBlobs blobs;
  const Subtree subtree = Build(blobs, NumberedFiles(1));
  DirectoryCursor cursor(blobs, subtree.root);
  ASSERT_OK_AND_ASSIGN(const Node* first, cursor.Next());
  EXPECT_EQ(AsText(first->name), Numbered(0));
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const Node* end, cursor.Next());
    EXPECT_EQ(end, nullptr);
  }
}

TEST(DirectoryReader, CursorGoesOnBesideABlobThatIsGone) {
  MemoryBlobs blobs;
  const DirectoryChild first = ChildOf(blobs, Leaf({File("a"), File("b")}));
  const DirectoryChild lost = ChildOf(blobs, Leaf({File("c"), File("d")}));
  const DirectoryChild last = ChildOf(blobs, Leaf({File("e")}));
  const BlobId root = StoreBlob(blobs, Inner(1, {first, lost, last}));
  blobs.Remove(lost.id);
  DirectoryCursor cursor(blobs, root);
  std::string names;
  int errors = 0;
  for (;;) {
    const auto next = cursor.Next();
    if (!next) {
      EXPECT_EQ(next.error().code(), ErrorCode::kNotFound);
      ASSERT_LT(++errors, 10);
      continue;
    }
    if (*next == nullptr) break;
    names += AsText((*next)->name);
  }
  EXPECT_EQ(names, "abe");
  EXPECT_EQ(errors, 1);
}

TEST(DirectoryReader, RejectsCountsBytesAndNamesThatDiffer) {
  const auto changes = std::vector<std::function<void(DirectoryChild&)>>{
      [](DirectoryChild& child) { ++child.leaf_entries; },
      [](DirectoryChild& child) { --child.leaf_entries; },
      [](DirectoryChild& child) { ++child.bytes; },
      [](DirectoryChild& child) { child.last_name = Text("cc"); },
      [](DirectoryChild& child) { child.last_name = Text("b"); },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    MemoryBlobs blobs;
    const DirectoryChild first = ChildOf(blobs, Leaf({File("a")}));
    DirectoryChild liar = ChildOf(blobs, Leaf({File("b"), File("c", 9)}));
    changes[i](liar);
    const BlobId root = StoreBlob(blobs, Inner(1, {first, liar}));
    EXPECT_THAT(Names(blobs, root), ErrorIs(ErrorCode::kCorrupt, HasSubstr(liar.id.ToHex())));
    EXPECT_THAT(FindNode(blobs, root, Text("b")), ErrorCodeIs(ErrorCode::kCorrupt));
    EXPECT_THAT(ForEachDirectoryBlob(blobs, root, [](const BlobId&) -> Result<bool> { return true; }, {}),
                ErrorCodeIs(ErrorCode::kCorrupt));
  }
}

TEST(DirectoryReader, RejectsNamesThatDoNotAscendAcrossBlobs) {
  MemoryBlobs blobs;
  const DirectoryChild first = ChildOf(blobs, Leaf({File("a"), File("m")}));
  const DirectoryChild second = ChildOf(blobs, Leaf({File("k"), File("z")}));
  const BlobId root = StoreBlob(blobs, Inner(1, {first, second}));
  EXPECT_THAT(Names(blobs, root), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(FindNode(blobs, root, Text("z")), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(DirectoryReader, RejectsNamesThatDoNotAscendTwoLevelsDown) {
  MemoryBlobs blobs;
  const DirectoryChild a = ChildOf(blobs, Inner(1, {ChildOf(blobs, Leaf({File("a"), File("m")}))}));
  const DirectoryChild b =
      ChildOf(blobs, Inner(1, {ChildOf(blobs, Leaf({File("k"), File("n")})), ChildOf(blobs, Leaf({File("z")}))}));
  const BlobId root = StoreBlob(blobs, Inner(2, {a, b}));
  EXPECT_THAT(Names(blobs, root), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(DirectoryReader, RejectsADepthThatIsNotOneLess) {
  MemoryBlobs blobs;
  const DirectoryChild leaf = ChildOf(blobs, Leaf({File("a")}));
  EXPECT_THAT(Names(blobs, StoreBlob(blobs, Inner(2, {leaf}))), ErrorCodeIs(ErrorCode::kCorrupt));
  const DirectoryChild inner = ChildOf(blobs, Inner(1, {leaf}));
  EXPECT_THAT(Names(blobs, StoreBlob(blobs, Inner(1, {inner}))), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(DirectoryReader, RejectsAnEmptyLeafBelowAnInnerBlob) {
  MemoryBlobs blobs;
  DirectoryChild child;
  child.last_name = Text("a");
  child.leaf_entries = 1;
  child.id = StoreBlob(blobs, DirectoryBlob());
  EXPECT_THAT(Names(blobs, StoreBlob(blobs, Inner(1, {child}))), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(DirectoryReader, RejectsAListInPlaceOfADirectory) {
  MemoryBlobs blobs;
  ListBlob list;
  list.entries = {Hole(5)};
  EXPECT_THAT(Names(blobs, blobs.AddBlob(BlobKind::kMetadata, list.Encode()).value()),
              ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(DirectoryReader, RejectsOneBlobTwice) {
  MemoryBlobs blobs;
  const DirectoryChild once = ChildOf(blobs, Leaf({File("a"), File("b")}));
  DirectoryChild again = once;
  again.last_name = Text("c");
  EXPECT_THAT(Names(blobs, StoreBlob(blobs, Inner(1, {once, again}))), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(DirectoryReader, CountsThatOverflowAreCorrupt) {
  MemoryBlobs blobs;
  DirectoryChild one = ChildOf(blobs, Leaf({File("a")}));
  one.leaf_entries = UINT64_MAX;
  DirectoryChild two = ChildOf(blobs, Leaf({File("b")}));
  two.leaf_entries = 2;
  DirectoryChild inner;
  inner.last_name = Text("b");
  inner.leaf_entries = 1;
  inner.id = StoreBlob(blobs, Inner(1, {one, two}));
  EXPECT_THAT(Names(blobs, StoreBlob(blobs, Inner(2, {inner}))), ErrorCodeIs(ErrorCode::kCorrupt));
  EXPECT_THAT(FindPath(blobs, inner.id, Bytes()), ErrorCodeIs(ErrorCode::kCorrupt));
}

TEST(DirectoryReader, NamesEveryBlobParentsFirstAndEveryNode) {
  MemoryBlobs blobs;
  const Subtree subtree = Build(blobs, NumberedFiles(20'000));
  std::vector<BlobId> ids;
  uint64_t nodes = 0;
  EXPECT_OK(ForEachDirectoryBlob(
      blobs, subtree.root,
      [&](const BlobId& id) -> Result<bool> {
        ids.push_back(id);
        return true;
      },
      [&](const Node& node) -> Result<void> {
        EXPECT_EQ(AsText(node.name), Numbered(nodes++));
        return {};
      }));
  EXPECT_EQ(ids.front(), subtree.root);
  EXPECT_EQ(std::set(ids.begin(), ids.end()), blobs.ids());
  EXPECT_EQ(nodes, 20'000u);
}

TEST(DirectoryReader, ReadsNothingBelowABlobThatIsKnown) {
  MemoryBlobs blobs;
  const Subtree subtree = Build(blobs, NumberedFiles(20'000));
  const uint64_t reads = blobs.reads();
  EXPECT_OK(ForEachDirectoryBlob(blobs, subtree.root, [](const BlobId&) -> Result<bool> { return false; }, {}));
  EXPECT_EQ(blobs.reads(), reads);
}

TEST(DirectoryReader, GoesOnBesideADamagedBlobWhereItIsAllowedTo) {
  MemoryBlobs blobs;
  const DirectoryChild first = ChildOf(blobs, Leaf({File("a"), File("b")}));
  const DirectoryChild bad = ChildOf(blobs, Leaf({File("c"), File("d")}));
  const DirectoryChild last = ChildOf(blobs, Leaf({File("e")}));
  const BlobId root = StoreBlob(blobs, Inner(1, {first, bad, last}));
  blobs.Replace(bad.id, AsBytes("rot"));
  std::vector<BlobId> failed;
  std::string names;
  EXPECT_OK(ForEachDirectoryBlob(
      blobs, root, [](const BlobId&) -> Result<bool> { return true; },
      [&](const Node& node) -> Result<void> {
        names += AsText(node.name);
        return {};
      },
      [&](const BlobId& id, const Error& error) -> Result<void> {
        EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
        failed.push_back(id);
        return {};
      }));
  EXPECT_EQ(names, "abe");
  EXPECT_EQ(failed, std::vector{bad.id});
}

// What a later version wrote: SPEC 10.3.
Node Later(const std::string& name) {
  Node node;
  node.name = Text(name);
  node.opaque = {16, Text("fields of a later version"), "node type 16 is not known"};
  return node;
}

TEST(DirectoryReader, GoesOnBesideANodeThatItCannotRead) {
  MemoryBlobs blobs;
  const DirectoryChild first = ChildOf(blobs, Leaf({File("a"), Later("b"), File("c")}));
  DirectoryChild second = ChildOf(blobs, Leaf({File("d"), Later("e")}));
  second.bytes += 123;  // of what a later version counts, this one knows nothing
  const BlobId root = StoreBlob(blobs, Inner(1, {first, second}));

  std::string seen;
  DirectoryCursor cursor(blobs, root);
  for (int calls = 0; calls < 10; ++calls) {
    const auto next = cursor.Next();
    if (next && *next == nullptr) break;
    if (next) {
      seen += ToString((*next)->name);
    } else {
      EXPECT_THAT(next, ErrorIs(ErrorCode::kUnsupported, HasSubstr("node type 16")));
      seen += "!";
    }
  }
  EXPECT_EQ(seen, "a!cd!");

  ASSERT_OK_AND_ASSIGN(const auto found, FindNode(blobs, root, Text("d")));
  EXPECT_TRUE(found);
  EXPECT_THAT(FindNode(blobs, root, Text("b")), ErrorCodeIs(ErrorCode::kUnsupported));

  const auto all = [](const BlobId&) -> Result<bool> { return true; };
  std::string named;
  const EachNode name = [&](const Node& node) -> Result<void> {
    named += ToString(node.name);
    return {};
  };
  EXPECT_THAT(ForEachDirectoryBlob(blobs, root, all, name), ErrorCodeIs(ErrorCode::kUnsupported));
  named.clear();
  int failed = 0;
  EXPECT_OK(ForEachDirectoryBlob(blobs, root, all, name, [&](const BlobId&, const Error& error) -> Result<void> {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    ++failed;
    return {};
  }));
  EXPECT_EQ(named, "acd");
  EXPECT_EQ(failed, 2);
}

}  // namespace
}  // namespace cairn::tree_test
