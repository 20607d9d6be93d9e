#include "repo-format/node_check.h"

#include <gtest/gtest.h>

#include <functional>

#include "repo-format/limits.h"

namespace cairn {
namespace {

Node Link() {
  Node node;
  node.name = {'a'};
  node.type = NodeType::kSymlink;
  node.target = {'b'};
  return node;
}

bool IsRead(const Node& node) {
  WireWriter writer;
  node.Write(writer);
  WireReader reader(writer.bytes(), "node");
  Node::Read(reader);
  return !reader.failed();
}

// The writer refuses what the reader would: a directory with such a node could not be read at all.
TEST(NodeCheck, RefusesWhatTheReaderRejects) {
  const std::vector<std::function<void(Node&)>> wrong = {
      [](Node& node) { node.uid = uint64_t{UINT32_MAX} + 1; },
      [](Node& node) { node.gid = 12'345'678'901; },
      [](Node& node) { node.mode = 010000; },
      [](Node& node) { node.user = Bytes(limits::kNameBytesMax + 1, 'u'); },
      [](Node& node) { node.group = Bytes(30'000, 'g'); },
      [](Node& node) { node.target.clear(); },
      [](Node& node) { node.target = {'a', 0, 'b'}; },
      [](Node& node) { node.target = Bytes(limits::kNameBytesMax + 1, 't'); },
      [](Node& node) { node.name = {'a', '/', 'b'}; },
      [](Node& node) { node.attributes = {{Bytes(), Bytes{1}, {}}}; },
      [](Node& node) { node.attributes = {{Bytes(limits::kNameBytesMax + 1, 'x'), Bytes{1}, {}}}; },
      [](Node& node) { node.attributes = {{Bytes{'b'}, Bytes{1}, {}}, {Bytes{'a'}, Bytes{1}, {}}}; },
  };
  for (size_t i = 0; i < wrong.size(); ++i) {
    Node node = Link();
    wrong[i](node);
    EXPECT_FALSE(IsRead(node)) << i;
    const auto checked = CheckNode(node);
    ASSERT_FALSE(checked) << i;
    EXPECT_EQ(checked.error().code(), ErrorCode::kInvalidArgument) << i;
  }
}

TEST(NodeCheck, TakesWhatIsAtTheLimit) {
  Node node = Link();
  node.uid = node.gid = UINT32_MAX;
  node.mode = 07777;
  node.user = node.group = Bytes(limits::kNameBytesMax, 'u');
  node.target = Bytes(limits::kNameBytesMax, 't');
  node.name = Bytes(limits::kNameBytesMax, 'n');
  EXPECT_TRUE(IsRead(node));
  EXPECT_TRUE(CheckNode(node));
}

}  // namespace
}  // namespace cairn
