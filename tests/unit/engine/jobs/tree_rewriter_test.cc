#include "engine/jobs/tree_rewriter.h"

#include <set>

#include "engine/tree/directory_reader.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_blobs.h"

namespace cairn {
namespace {

constexpr int kFiles = 2'000;  // in several blobs

Subtree MakeFolder(BlobSink& sink) {
  DirectoryBuilder builder(sink);
  for (int i = 0; i < kFiles; ++i) {
    Node node;
    node.name = ToBytes(AsBytes(fmt::format("f{:05}", i)));
    node.content = Content();
    EXPECT_OK(builder.Add(std::move(node)));
  }
  return builder.Finish().value();
}

std::set<Bytes> NamesIn(MemoryBlobs& blobs, const BlobId& root) {
  std::set<Bytes> names;
  EXPECT_OK(ForEachNode(blobs, root, [&](const Node& node) -> Result<void> {
    names.insert(node.name);
    return {};
  }));
  return names;
}

Result<bool> KeepAll(const TreePath&, Node&) { return true; }

TEST(TreeRewriter, WithoutAChangeTheTreeIsTheSame) {
  MemoryBlobs blobs;
  const Subtree folder = MakeFolder(blobs);
  const auto never = [](const TreePath&, const Error& error) -> Result<void> { return error; };
  ASSERT_OK_AND_ASSIGN(const Subtree again, RewriteTree(blobs, blobs, folder.root, KeepAll, never));
  EXPECT_EQ(again, folder);
}

// One part of a large folder is lost: what comes behind it is not.
TEST(TreeRewriter, KeepsWhatIsBehindALostPart) {
  MemoryBlobs blobs;
  const Subtree folder = MakeFolder(blobs);
  ASSERT_OK_AND_ASSIGN(const auto root, blobs.ReadBlob(BlobKind::kMetadata, folder.root));
  ASSERT_OK_AND_ASSIGN(const DirectoryBlob top, DirectoryBlob::Parse(*root));
  ASSERT_GT(top.children.size(), 3u);
  const DirectoryChild& lost = top.children[1];
  blobs.Remove(lost.id);
  int failures = 0;
  ASSERT_OK_AND_ASSIGN(const Subtree rest, RewriteTree(blobs, blobs, folder.root, KeepAll,
                                                       [&](const TreePath&, const Error& error) -> Result<void> {
                                                         EXPECT_EQ(error.code(), ErrorCode::kNotFound);
                                                         ++failures;
                                                         return {};
                                                       }));
  EXPECT_EQ(failures, 1);
  const std::set<Bytes> names = NamesIn(blobs, rest.root);
  EXPECT_EQ(names.size(), kFiles - lost.leaf_entries);
  EXPECT_TRUE(names.contains(ToBytes(AsBytes(fmt::format("f{:05}", kFiles - 1)))));
}

}  // namespace
}  // namespace cairn
