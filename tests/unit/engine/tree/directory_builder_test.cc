#include "engine/tree/directory_builder.h"

#include "engine/tree/directory_reader.h"
#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::tree_test {
namespace {

// A file whose entry has about so many bytes.
Node Large(std::string_view name, size_t bytes) {
  Node node = File(name);
  Attribute attribute;
  for (size_t i = 0; bytes > 0; ++i) {
    attribute.name = Text(fmt::format("user.{:06}{}", i, std::string(std::min<size_t>(bytes, 4000), 'x')));
    attribute.value = Bytes();
    node.attributes.push_back(attribute);
    bytes -= std::min<size_t>(bytes, 4000);
  }
  return node;
}

TEST(DirectoryBuilder, AnEmptyDirectoryIsOneLeaf) {
  MemoryBlobs blobs;
  const Subtree empty = Build(blobs, {});
  EXPECT_EQ(empty.entries, 0u);
  EXPECT_EQ(blobs.size(), 1u);
  EXPECT_EQ(empty, ReferenceDirectory(blobs, {}));
}

TEST(DirectoryBuilder, EqualsWhatTheSpecificationSays) {
  for (const size_t count : {1u, 15u, 16u, 17u, 100u, 256u, 257u, 1'000u, 10'000u}) {
    SCOPED_TRACE(count);
    MemoryBlobs blobs, reference;
    const auto nodes = NumberedFiles(count);
    EXPECT_EQ(Build(blobs, nodes), ReferenceDirectory(reference, nodes));
    EXPECT_EQ(blobs.ids(), reference.ids());
  }
}

TEST(DirectoryBuilder, CutsByNamesUnderTheKey) {
  MemoryBlobs blobs(1), others(2);
  const auto nodes = NumberedFiles(2'000);
  Build(blobs, nodes);
  Build(others, nodes);
  EXPECT_NE(blobs.size(), others.size());
}

TEST(DirectoryBuilder, ManyEntriesMakeAFlatTree) {
  MemoryBlobs blobs;
  DirectoryBuilder builder(blobs);
  constexpr uint64_t kCount = 60'000;
  for (uint64_t i = 0; i < kCount; ++i) ASSERT_OK(builder.Add(File(Numbered(i))));
  ASSERT_OK_AND_ASSIGN(const Subtree subtree, builder.Finish());
  EXPECT_EQ(subtree.entries, kCount);
  // About 64 + 16 entries a blob, so three levels: the root has depth 2, or 3 by chance.
  const auto root = DirectoryBlob::Parse(*blobs.ReadBlob(BlobKind::kMetadata, subtree.root).value());
  ASSERT_OK(root);
  EXPECT_GE(root->depth, 2);
  EXPECT_LE(root->depth, 3);
  EXPECT_LT(blobs.size(), kCount / 60);
  uint64_t count = 0;
  EXPECT_OK(ForEachNode(blobs, subtree.root, [&](const Node& node) -> Result<void> {
    EXPECT_EQ(AsText(node.name), Numbered(count++));
    return {};
  }));
  EXPECT_EQ(count, kCount);
}

TEST(DirectoryBuilder, AChangeOfOneEntryRewritesTheWayToIt) {
  for (const char* what : {"changed", "added", "removed"}) {
    SCOPED_TRACE(what);
    MemoryBlobs blobs;
    auto nodes = NumberedFiles(20'000, 2);
    Build(blobs, nodes);
    EXPECT_GT(blobs.TakeNew().size(), 200u);
    if (what == std::string("changed")) nodes[10'000].mode = 0600;
    if (what == std::string("added")) nodes.insert(nodes.begin() + 10'001, File(Numbered(20'001)));
    if (what == std::string("removed")) nodes.erase(nodes.begin() + 10'000);
    Build(blobs, nodes);
    const size_t rewritten = blobs.TakeNew().size();
    EXPECT_GE(rewritten, 1u);
    EXPECT_LE(rewritten, 12u);  // a blob or two for each of the three or four levels
  }
}

TEST(DirectoryBuilder, CutsBeforeABlobExceedsAMebibyte) {
  MemoryBlobs blobs, reference;
  std::vector<Node> nodes;
  for (int i = 0; i < 40; ++i) nodes.push_back(Large(Numbered(static_cast<uint64_t>(i)), 90'000));
  const Subtree subtree = Build(blobs, nodes);
  EXPECT_EQ(subtree, ReferenceDirectory(reference, nodes));
  EXPECT_EQ(blobs.ids(), reference.ids());
  EXPECT_GE(blobs.size(), 5u);
  for (const BlobId& id : blobs.ids()) {
    EXPECT_LE((*blobs.ReadBlob(BlobKind::kMetadata, id))->size(), limits::kDirectoryBlobBytesMax);
  }
}

TEST(DirectoryBuilder, TakesAnEntryThatFillsABlobAndRefusesALargerOne) {
  MemoryBlobs blobs;
  {
    DirectoryBuilder builder(blobs);
    EXPECT_OK(builder.Add(File("a")));
    EXPECT_OK(builder.Add(Large("b", 1'000'000)));
    EXPECT_OK(builder.Add(File("c")));
    ASSERT_OK_AND_ASSIGN(const Subtree subtree, builder.Finish());
    EXPECT_EQ(subtree.entries, 3u);
  }
  DirectoryBuilder builder(blobs);
  EXPECT_THAT(builder.Add(Large("b", 1'100'000)), ErrorCodeIs(ErrorCode::kUnsupported));
}

TEST(DirectoryBuilder, RefusesNamesThatDoNotAscendOrCannotBe) {
  MemoryBlobs blobs;
  DirectoryBuilder builder(blobs);
  EXPECT_OK(builder.Add(File("b")));
  EXPECT_THAT(builder.Add(File("b")), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_THAT(builder.Add(File("a")), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_OK(builder.Add(File("\xff")));  // bytes, not text, and unsigned
  for (const std::string name : {"", ".", "..", "a/b", "/"}) {
    EXPECT_THAT(builder.Add(File(name)), ErrorCodeIs(ErrorCode::kInvalidArgument)) << name;
  }
  EXPECT_THAT(builder.Add(File(std::string("\xff\0", 2))), ErrorCodeIs(ErrorCode::kInvalidArgument));
  EXPECT_THAT(builder.Add(File(std::string(4097, '\xff'))), ErrorCodeIs(ErrorCode::kInvalidArgument));
}

TEST(DirectoryBuilder, TellsWhereABlobCouldNotBeStored) {
  struct FullSink : BlobSink {
    Result<BlobId> AddBlob(BlobKind, ByteSpan) override { return Error(ErrorCode::kNoSpace, "the disk is full"); }
    Digest MetadataHash(std::string_view, std::initializer_list<ByteSpan>) const override { return Digest(); }
  } sink;
  DirectoryBuilder builder(sink);
  for (const Node& node : NumberedFiles(15)) EXPECT_OK(builder.Add(node));
  EXPECT_THAT(builder.Add(File("g")), ErrorCodeIs(ErrorCode::kNoSpace));  // a hash of zero cuts at 16
  DirectoryBuilder empty(sink);
  EXPECT_THAT(empty.Finish(), ErrorCodeIs(ErrorCode::kNoSpace));
}

}  // namespace
}  // namespace cairn::tree_test
