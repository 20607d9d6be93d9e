#include "tests/unit/engine/tree/tree_fixture.h"

namespace cairn::tree_test {
namespace {

// Cuts `items` into blobs: `ends(item, count)` says whether a blob of so many items ends after this one, `fits(blob,
// item)` whether it may still take it.
template <class Item>
std::vector<std::vector<Item>> Cut(const std::vector<Item>& items, const std::function<bool(const Item&, size_t)>& ends,
                                   const std::function<bool(const std::vector<Item>&, const Item&)>& fits) {
  std::vector<std::vector<Item>> blobs;
  bool is_open = false;
  for (const Item& item : items) {
    if (is_open && !fits(blobs.back(), item)) is_open = false;
    if (!is_open) blobs.emplace_back();
    blobs.back().push_back(item);
    is_open = !ends(item, blobs.back().size());
  }
  return blobs;
}

uint64_t Head(ByteSpan bytes) {
  uint64_t head = 0;
  for (size_t i = 0; i < 8; ++i) head = head * 256 + bytes[i];
  return head;
}

// floor(2^64 / average)
uint64_t Threshold(uint32_t average) { return UINT64_MAX / average + (UINT64_MAX % average + 1 == average ? 1 : 0); }

}  // namespace

Content ReferenceList(BlobSink& sink, const std::vector<ListEntry>& entries, uint32_t average) {
  Content content;
  if (entries.size() <= 4) {
    content.entries = entries;
    return content;
  }
  const auto may_end = [&](const BlobId& id, size_t count) {
    return count == 128 || (count >= 8 && Head(id.bytes()) < Threshold(average));
  };
  std::vector<ListChild> level;
  for (auto& blob : Cut<ListEntry>(
           entries,
           [&](const ListEntry& entry, size_t count) {
             return entry.type == ListEntry::Type::kHole ? count == 128 : may_end(entry.id, count);
           },
           [](const auto&, const auto&) { return true; })) {
    ListBlob list;
    list.entries = blob;
    ListChild child{0, blob.size(), sink.AddBlob(BlobKind::kMetadata, list.Encode()).value()};
    for (const ListEntry& entry : blob) child.bytes += entry.TotalBytes();
    level.push_back(child);
  }
  uint8_t depth = 1;
  for (; level.size() > 1; ++depth) {
    std::vector<ListChild> above;
    for (auto& blob : Cut<ListChild>(
             level, [&](const ListChild& child, size_t count) { return may_end(child.id, count); },
             [](const auto&, const auto&) { return true; })) {
      ListBlob list;
      list.depth = depth;
      list.children = blob;
      ListChild child{0, 0, sink.AddBlob(BlobKind::kMetadata, list.Encode()).value()};
      for (const ListChild& below : blob) {
        child.bytes += below.bytes;
        child.leaf_entries += below.leaf_entries;
      }
      above.push_back(child);
    }
    level = above;
  }
  content.depth = depth;
  content.root = level.front();
  return content;
}

Subtree ReferenceDirectory(BlobSink& sink, const std::vector<Node>& nodes) {
  const auto ends = [&](const Bytes& name, size_t count, unsigned depth) {
    const Digest hash = sink.MetadataHash("cairn cut 1", {name});
    return count == 256 || (count >= 16 && Head(hash.bytes().subspan(8 * (depth % 4))) < uint64_t{1} << 58);
  };
  const auto store = [&](const DirectoryBlob& blob) {
    return sink.AddBlob(BlobKind::kMetadata, blob.Encode()).value();
  };
  if (nodes.empty()) return {0, store(DirectoryBlob())};
  std::map<Bytes, size_t> sizes;
  for (const Node& node : nodes) {
    WireWriter writer;
    node.Write(writer);
    sizes[node.name] = writer.size();
  }
  std::vector<DirectoryChild> level;
  for (auto& part : Cut<Node>(
           nodes, [&](const Node& node, size_t count) { return ends(node.name, count, 0); },
           [&](const std::vector<Node>& have, const Node& next) {
             size_t bytes = 3 + (have.size() + 1 < 128 ? 1 : 2) + sizes[next.name];
             for (const Node& node : have) bytes += sizes[node.name];
             return bytes <= limits::kDirectoryBlobBytesMax;
           })) {
    DirectoryBlob blob;
    blob.nodes = part;
    DirectoryChild child{part.back().name, part.size(), 0, store(blob)};
    for (const Node& node : part) child.bytes += node.size;
    level.push_back(child);
  }
  for (uint8_t depth = 1; level.size() > 1; ++depth) {
    std::vector<DirectoryChild> above;
    for (auto& part : Cut<DirectoryChild>(
             level, [&](const DirectoryChild& child, size_t count) { return ends(child.last_name, count, depth); },
             [&](std::vector<DirectoryChild> have, const DirectoryChild& next) {
               DirectoryBlob blob;
               blob.depth = depth;
               blob.children = std::move(have);
               blob.children.push_back(next);
               return blob.Encode().size() <= limits::kDirectoryBlobBytesMax;
             })) {
      DirectoryBlob blob;
      blob.depth = depth;
      blob.children = part;
      DirectoryChild child{part.back().last_name, 0, 0, store(blob)};
      for (const DirectoryChild& below : part) {
        child.leaf_entries += below.leaf_entries;
        child.bytes += below.bytes;
      }
      above.push_back(child);
    }
    level = above;
  }
  return {nodes.size(), level.front().id};
}

}  // namespace cairn::tree_test
