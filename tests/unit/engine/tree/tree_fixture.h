// Nodes and lists in few words, and SPEC section 10 once more, as plainly as it can be said.
#pragma once

#include <fmt/core.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/tree/directory_builder.h"
#include "engine/tree/list_builder.h"
#include "repo-format/limits.h"
#include "repo-format/tree_path.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_blobs.h"
#include "tests/support/seeded_random.h"

namespace cairn::tree_test {

inline Bytes Text(std::string_view text) { return ToBytes(AsBytes(text)); }
inline BlobId RandomId(const SeededRandom& random) { return random.NewId<BlobId>(); }

inline ListEntry Blob(const BlobId& id, uint64_t length = 1000) { return {ListEntry::Type::kBlob, length, 1, id}; }
inline ListEntry Hole(uint64_t length) { return {ListEntry::Type::kHole, length, 1, BlobId()}; }
inline ListEntry RunOf(const BlobId& id, uint64_t length, uint64_t count) {
  return {ListEntry::Type::kRun, length, count, id};
}

inline Node File(std::string_view name, uint64_t size = 0) {
  Node node;
  node.name = Text(name);
  node.mode = 0644;
  node.size = size;
  node.content = Content();
  if (size > 0) node.content->entries.push_back(Hole(size));
  return node;
}
inline Node Symlink(std::string_view name, std::string_view target) {
  Node node;
  node.name = Text(name);
  node.type = NodeType::kSymlink;
  node.mode = 0777;
  node.target = Text(target);
  return node;
}
inline Node Folder(std::string_view name, const Subtree& subtree) {
  Node node;
  node.name = Text(name);
  node.type = NodeType::kFolder;
  node.mode = 0755;
  node.subtree = subtree;
  return node;
}

// "f00000000" and so on: ascending.
inline std::string Numbered(uint64_t number) { return fmt::format("f{:08}", number); }

inline Subtree Build(BlobSink& sink, const std::vector<Node>& nodes) {
  DirectoryBuilder builder(sink);
  for (const Node& node : nodes) EXPECT_OK(builder.Add(node));
  auto subtree = builder.Finish();
  EXPECT_OK(subtree);
  return subtree ? *subtree : Subtree();
}

inline std::vector<Node> NumberedFiles(uint64_t count, uint64_t step = 1) {
  std::vector<Node> nodes;
  for (uint64_t i = 0; i < count; ++i) nodes.push_back(File(Numbered(i * step), i % 100));
  return nodes;
}

inline Content BuildList(BlobSink& sink, const std::vector<ListEntry>& entries, uint32_t average = 128) {
  ListBuilder builder(sink, average);
  for (const ListEntry& entry : entries) EXPECT_OK(builder.AddEntry(entry));
  auto content = builder.Finish();
  EXPECT_OK(content);
  return content ? *content : Content();
}

// Lists by SPEC 10.1 from entries that are joined already, level by level.
Content ReferenceList(BlobSink& sink, const std::vector<ListEntry>& entries, uint32_t average = 128);
// Directories by SPEC 10.2.
Subtree ReferenceDirectory(BlobSink& sink, const std::vector<Node>& nodes);

}  // namespace cairn::tree_test
