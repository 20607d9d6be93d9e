#include "engine/tree/directory_builder.h"

#include <algorithm>
#include <utility>

#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr std::string_view kCutLabel = "cairn cut 1";
constexpr size_t kFixedBytes = 3;  // type, version, depth; the count follows

bool IsBefore(const Bytes& a, const Bytes& b) {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

size_t VarintBytes(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

}  // namespace

// The open blob of one depth.
struct DirectoryBuilder::Level {
  uint8_t depth = 0;
  uint64_t count = 0;
  WireWriter entries;  // nodes, or children
  Bytes last_name;     // of them
  uint64_t leaf_entries = 0;
  uint64_t file_bytes = 0;  // modulo 2^64: sparse files may say more
  BlobId last_child;        // depth > 0

  size_t EncodedBytesWith(size_t more) const { return kFixedBytes + VarintBytes(count + 1) + entries.size() + more; }
  void Add(ByteSpan entry, const Bytes& name) {
    entries.Raw(entry);
    last_name = name;
    ++count;
  }
  void Clear() {
    entries = {};
    count = leaf_entries = file_bytes = 0;
  }
};

DirectoryBuilder::DirectoryBuilder(BlobSink& sink) : sink_(sink) { levels_.push_back(std::make_unique<Level>()); }
DirectoryBuilder::~DirectoryBuilder() = default;

WrittenNode WrittenNode::Of(const Node& node) {
  WireWriter writer;
  node.Write(writer);
  return {node.name, node.size, std::move(writer).Take()};
}

Result<void> DirectoryBuilder::Add(const Node& node) { return Add(WrittenNode::Of(node)); }

Result<void> DirectoryBuilder::Add(const WrittenNode& node) {
  if (!IsNodeName(node.name)) {
    return MakeError(ErrorCode::kInvalidArgument, "a name of {} bytes cannot be a node's", node.name.size());
  }
  if (entries_ > 0 && !IsBefore(last_name_, node.name)) {
    return Error(ErrorCode::kInvalidArgument, "names of a directory do not ascend");
  }
  constexpr size_t kBytesMax = limits::kDirectoryBlobBytesMax - kFixedBytes - 1;
  if (node.bytes.size() > kBytesMax) {
    return MakeError(ErrorCode::kUnsupported, "the metadata of one entry has {} bytes, at most {} fit",
                     node.bytes.size(), kBytesMax);
  }
  RETURN_IF_ERROR(MakeRoom(0, node.bytes.size()));
  Level& leaf = *levels_.front();
  leaf.Add(node.bytes, node.name);
  leaf.file_bytes += node.size;
  ++leaf.leaf_entries;
  ++entries_;
  last_name_ = node.name;
  return CloseIfFull(0);
}

Result<void> DirectoryBuilder::MakeRoom(size_t level, size_t entry_bytes) {
  const Level& open = *levels_[level];
  if (open.count == 0 || open.EncodedBytesWith(entry_bytes) <= limits::kDirectoryBlobBytesMax) return {};
  return Close(level);
}

Result<void> DirectoryBuilder::CloseIfFull(size_t level) {
  const Level& open = *levels_[level];
  if (open.count < limits::kDirectoryEntriesMin) return {};
  const bool is_full = open.count >= limits::kDirectoryEntriesMax ||
                       CutsDirectory(sink_.MetadataHash(kCutLabel, {open.last_name}), open.depth);
  if (is_full) return Close(level);
  return {};
}

// Stores the open blob of a depth and enters it one depth higher.
Result<void> DirectoryBuilder::Close(size_t level) {
  Level& full = *levels_[level];
  if (full.depth > limits::kBlobTreeDepthMax) {
    return MakeError(ErrorCode::kUnsupported, "a directory is deeper than {}", limits::kBlobTreeDepthMax);
  }
  const Bytes blob = DirectoryBlob::EncodeWith(full.depth, full.count, full.entries.bytes());
  ASSIGN_OR_RETURN(const BlobId id, sink_.AddBlob(BlobKind::kMetadata, blob));
  DirectoryChild child;
  child.last_name = full.last_name;
  child.leaf_entries = full.leaf_entries;
  child.bytes = full.file_bytes;
  child.id = id;
  full.Clear();
  return AddChild(level + 1, child);
}

Result<void> DirectoryBuilder::AddChild(size_t level, const DirectoryChild& child) {
  if (level == levels_.size()) {
    levels_.push_back(std::make_unique<Level>());
    levels_.back()->depth = static_cast<uint8_t>(level);
  }
  WireWriter written;
  child.Write(written);
  RETURN_IF_ERROR(MakeRoom(level, written.size()));
  Level& open = *levels_[level];
  open.Add(written.bytes(), child.last_name);
  open.leaf_entries += child.leaf_entries;
  open.file_bytes += child.bytes;
  open.last_child = child.id;
  return CloseIfFull(level);
}

Result<Subtree> DirectoryBuilder::Finish() {
  if (entries_ == 0) {
    ASSIGN_OR_RETURN(const BlobId id, sink_.AddBlob(BlobKind::kMetadata, DirectoryBlob().Encode()));
    return Subtree{0, id};
  }
  // A level without a level above it never closed a blob: one child alone in it is the root.
  for (size_t level = 0;; ++level) {
    const Level& open = *levels_[level];
    const bool is_top = level + 1 == levels_.size();
    if (is_top && level > 0 && open.count == 1) return Subtree{entries_, open.last_child};
    if (open.count > 0) RETURN_IF_ERROR(Close(level));
  }
}

}  // namespace cairn
