#include "repo-format/directory_blob.h"
#include "repo-format/limits.h"
#include "repo-format/list_blob.h"
#include "tests/unit/repo-format/format_fixture.h"

namespace cairn::format_test {
namespace {

const auto kCorrupt = ErrorCodeIs(ErrorCode::kCorrupt);
const auto kUnsupported = ErrorCodeIs(ErrorCode::kUnsupported);

Node NodeOf(std::string_view name, NodeType type) {
  Node node;
  node.name = Text(name);
  node.type = type;
  node.mode = 04755;
  node.uid = UINT32_MAX;
  node.gid = 7;
  node.user = Text("user");
  node.modified = {-5, 999'999'999};
  node.changed = WireTime{6, 7};
  node.born = WireTime{8, 9};
  node.attributes = {{Text("user.a"), Bytes(), std::nullopt},
                     {Text("user.b"), std::nullopt, BlobReference{IdOf<BlobId>(5), 300}}};
  if (type == NodeType::kFile) {
    node.size = 10 + 100 + 3 * 20;
    node.content = Content{0,
                           {{ListEntry::Type::kBlob, 10, 1, IdOf<BlobId>(1)},
                            {ListEntry::Type::kHole, 100, 1, {}},
                            {ListEntry::Type::kRun, 20, 3, IdOf<BlobId>(2)}},
                           {}};
    node.link_group = std::array<uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8};
    node.changed_while_read = true;
    node.chunker = ChunkerSettings{SourceKind::kRows, 2, 4'096, 16'384, 131'072};
  }
  if (type == NodeType::kFolder) node.subtree = Subtree{4, IdOf<BlobId>(3)};
  if (type == NodeType::kSymlink) node.target = Text("../else\xFFwhere");
  if (type == NodeType::kBlockDevice || type == NodeType::kCharDevice) node.device = Device{8, UINT32_MAX};
  return node;
}

DirectoryBlob Leaf() {
  DirectoryBlob blob;
  blob.nodes = {NodeOf("a", NodeType::kFile),        NodeOf("b", NodeType::kFolder),
                NodeOf("c", NodeType::kSymlink),     NodeOf("d", NodeType::kCharDevice),
                NodeOf("e", NodeType::kBlockDevice), NodeOf("f", NodeType::kFifo),
                NodeOf("g\xFF\n", NodeType::kFile)};
  return blob;
}

DirectoryBlob Inner() {
  DirectoryBlob blob;
  blob.depth = 2;
  blob.children = {{Text("a"), 20, 1'000, IdOf<BlobId>(1)}, {Text("b"), 30, 2'000, IdOf<BlobId>(2)}};
  return blob;
}

auto WithLeaf(const std::function<void(DirectoryBlob&)>& change) { return Wrong<DirectoryBlob>(Leaf(), change); }
auto WithInner(const std::function<void(DirectoryBlob&)>& change) { return Wrong<DirectoryBlob>(Inner(), change); }

TEST(DirectoryBlob, ComesBack) {
  const auto leaf = DirectoryBlob::Parse(Leaf().Encode());
  ASSERT_THAT(leaf, IsOk());
  EXPECT_EQ(leaf->nodes, Leaf().nodes);
  const auto inner = DirectoryBlob::Parse(Inner().Encode());
  ASSERT_THAT(inner, IsOk());
  EXPECT_EQ(inner->depth, 2);
  EXPECT_EQ(inner->children, Inner().children);
  ExpectEveryByteCounts(Leaf());
  ExpectEveryByteCounts(Inner());
}

TEST(DirectoryBlob, RejectsNamesThatLeadOutOfTheTarget) {
  for (const std::string& name :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("/"),
        std::string("a\0b", 3), std::string(limits::kNameBytesMax + 1, 'x')}) {
    EXPECT_THAT(WithLeaf([&](auto& b) { b.nodes = {NodeOf(name, NodeType::kFifo)}; }), kCorrupt) << name;
  }
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes = {NodeOf(std::string(limits::kNameBytesMax, 'x'), NodeType::kFifo)}; }),
              IsOk());
}

TEST(DirectoryBlob, NamesAscend) {
  EXPECT_THAT(WithLeaf([](auto& b) { std::swap(b.nodes[0], b.nodes[1]); }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[1].name = b.nodes[0].name; }), kCorrupt);
  EXPECT_THAT(WithInner([](auto& b) { std::swap(b.children[0], b.children[1]); }), kCorrupt);
  EXPECT_THAT(WithInner([](auto& b) { b.children[1].last_name = b.children[0].last_name; }), kCorrupt);
}

TEST(DirectoryBlob, RejectsShapesThatCannotBe) {
  EXPECT_THAT(WithInner([](auto& b) { b.children.clear(); }), kCorrupt) << "an inner blob of nothing";
  EXPECT_THAT(WithInner([](auto& b) { b.children[0].leaf_entries = 0; }), kCorrupt);
  EXPECT_THAT(WithInner([](auto& b) { b.depth = limits::kBlobTreeDepthMax + 1; }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes.clear(); }), IsOk()) << "an empty folder";
}

TEST(DirectoryBlob, RejectsNodesThatCannotBe) {
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[0].mode = 010000; }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[0].uid = uint64_t{UINT32_MAX} + 1; }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[0].size += 1; }), kCorrupt) << "not what its content has";
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[0].content.reset(); }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[1].subtree.reset(); }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[2].target.clear(); }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[2].target.push_back(0); }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[3].device.reset(); }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[3].device->major = uint64_t{UINT32_MAX} + 1; }), kCorrupt);
}

TEST(DirectoryBlob, RejectsFieldsOfAnotherType) {
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[5].content = b.nodes[0].content; }), kCorrupt) << "a fifo's content";
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[5].device = Device{1, 1}; }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[5].subtree = Subtree{}; }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[5].flags = 0x10; }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[1].link_group.emplace(); }), kCorrupt) << "a folder's other names";
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[1].changed_while_read = true; }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[1].chunker = b.nodes[0].chunker; }), kCorrupt);
}

TEST(DirectoryBlob, RejectsAttributesThatCannotBe) {
  EXPECT_THAT(WithLeaf([](auto& b) { std::swap(b.nodes[0].attributes[0], b.nodes[0].attributes[1]); }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[0].attributes[0].name.clear(); }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[0].attributes[1].blob->length = 0; }), kCorrupt);
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[0].attributes[0].value = Bytes(limits::kAclInlineBytesMax + 1, 1); }),
              kCorrupt);
}

// SPEC 10.3: the folder is read without the node, which is kept as it stands.
TEST(DirectoryBlob, ReadsBesideANodeThatANewerProgramWrote) {
  const std::vector<std::function<void(DirectoryBlob&)>> changes = {
      [](DirectoryBlob& b) { b.nodes[0].type = NodeType::kDatabase; },
      [](DirectoryBlob& b) { b.nodes[0].unknown = {{19, {}}}; },
  };
  for (const auto& change : changes) {
    DirectoryBlob leaf = Leaf();
    change(leaf);
    const Bytes bytes = leaf.Encode();
    const auto parsed = DirectoryBlob::Parse(bytes);
    ASSERT_THAT(parsed, IsOk());
    EXPECT_TRUE(parsed->nodes[0].opaque);
    EXPECT_EQ(parsed->nodes[0].name, leaf.nodes[0].name);
    EXPECT_FALSE(parsed->nodes[0].content);
    EXPECT_EQ(parsed->nodes[1], leaf.nodes[1]);
    EXPECT_EQ(parsed->Encode(), bytes);
  }
}

TEST(DirectoryBlob, RefusesWhatANewerProgramWrote) {
  EXPECT_THAT(WithLeaf([](auto& b) { b.nodes[0].unknown = {{18, Text("later")}}; }), IsOk());
  Bytes version = Leaf().Encode();
  version[1] = 2;
  EXPECT_THAT(DirectoryBlob::Parse(version), kUnsupported);
}

ListBlob List() {
  ListBlob list;
  list.entries = {{ListEntry::Type::kBlob, limits::kBlobBytesMax, 1, IdOf<BlobId>(1)},
                  {ListEntry::Type::kHole, uint64_t{1} << 40, 1, {}},
                  {ListEntry::Type::kRun, 4'096, 1'000, IdOf<BlobId>(2)}};
  return list;
}

ListBlob InnerList() {
  ListBlob list;
  list.depth = 1;
  list.children = {{1'000, 128, IdOf<BlobId>(1)}, {500, 64, IdOf<BlobId>(2)}};
  return list;
}

auto WithList(const std::function<void(ListBlob&)>& change) { return Wrong<ListBlob>(List(), change); }

TEST(ListBlob, ComesBack) {
  EXPECT_EQ(ListBlob::Parse(List().Encode())->entries, List().entries);
  EXPECT_EQ(ListBlob::Parse(InnerList().Encode())->children, InnerList().children);
  ExpectEveryByteCounts(List());
  ExpectEveryByteCounts(InnerList());
}

TEST(ListBlob, RejectsEntriesThatCannotBe) {
  EXPECT_THAT(WithList([](auto& l) { l.entries.clear(); }), kCorrupt);
  EXPECT_THAT(WithList([](auto& l) { l.entries[0].length = 0; }), kCorrupt);
  EXPECT_THAT(WithList([](auto& l) { l.entries[0].length = limits::kBlobBytesReadMax + 1; }), kCorrupt);
  EXPECT_THAT(WithList([](auto& l) { l.entries[1].length = 0; }), kCorrupt);
  EXPECT_THAT(WithList([](auto& l) { l.entries[2].count = 1; }), kCorrupt) << "a run of one";
  EXPECT_THAT(WithList([](auto& l) { l.entries[2].count = UINT64_MAX; }), kCorrupt) << "its length overflows";
  EXPECT_THAT(WithList([](auto& l) { l.entries[1].length = INT64_MAX; }), kCorrupt) << "longer than a file can be";
  EXPECT_THAT(WithList([](auto& l) { l.entries[0].type = static_cast<ListEntry::Type>(3); }), kUnsupported);
}

TEST(ListBlob, RejectsInnerEntriesThatCannotBe) {
  const auto with = [](const std::function<void(ListBlob&)>& change) { return Wrong<ListBlob>(InnerList(), change); };
  EXPECT_THAT(with([](auto& l) { l.children.clear(); }), kCorrupt);
  EXPECT_THAT(with([](auto& l) { l.children[0].bytes = 0; }), kCorrupt);
  EXPECT_THAT(with([](auto& l) { l.children[0].leaf_entries = 0; }), kCorrupt);
  EXPECT_THAT(with([](auto& l) { l.children[0].bytes = l.children[1].bytes = INT64_MAX; }), kCorrupt);
  EXPECT_THAT(with([](auto& l) { l.depth = limits::kBlobTreeDepthMax + 1; }), kCorrupt);
}

}  // namespace
}  // namespace cairn::format_test
