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

size_t ChildBytes(const DirectoryChild& child) {
  return VarintBytes(child.last_name.size()) + child.last_name.size() + VarintBytes(child.leaf_entries) +
         VarintBytes(child.bytes) + BlobId::kSize;
}

}  // namespace

// The open blob of one depth.
struct DirectoryBuilder::Level {
  DirectoryBlob blob;
  size_t entry_bytes = 0;  // encoded
  uint64_t leaf_entries = 0;
  uint64_t file_bytes = 0;  // modulo 2^64: sparse files may say more

  size_t size() const { return blob.depth == 0 ? blob.nodes.size() : blob.children.size(); }
  const Bytes& last_name() const { return blob.depth == 0 ? blob.nodes.back().name : blob.children.back().last_name; }
  size_t EncodedBytesWith(size_t more) const { return kFixedBytes + VarintBytes(size() + 1) + entry_bytes + more; }
  void Clear() {
    blob.nodes.clear();
    blob.children.clear();
    entry_bytes = 0;
    leaf_entries = file_bytes = 0;
  }
};

DirectoryBuilder::DirectoryBuilder(BlobSink& sink) : sink_(sink) { levels_.push_back(std::make_unique<Level>()); }
DirectoryBuilder::~DirectoryBuilder() = default;

Result<void> DirectoryBuilder::Add(Node node) {
  if (!IsNodeName(node.name)) {
    return MakeError(ErrorCode::kInvalidArgument, "a name of {} bytes cannot be a node's", node.name.size());
  }
  if (entries_ > 0 && !IsBefore(last_name_, node.name)) {
    return Error(ErrorCode::kInvalidArgument, "names of a directory do not ascend");
  }
  WireWriter writer;
  node.Write(writer);
  const size_t bytes = writer.size();
  constexpr size_t kBytesMax = limits::kDirectoryBlobBytesMax - kFixedBytes - 1;
  if (bytes > kBytesMax) {
    return MakeError(ErrorCode::kUnsupported, "the metadata of one entry has {} bytes, at most {} fit", bytes,
                     kBytesMax);
  }
  RETURN_IF_ERROR(MakeRoom(0, bytes));
  Level& leaf = *levels_.front();
  leaf.entry_bytes += bytes;
  leaf.file_bytes += node.size;
  ++leaf.leaf_entries;
  ++entries_;
  last_name_ = node.name;
  leaf.blob.nodes.push_back(std::move(node));
  return CloseIfFull(0, last_name_);
}

Result<void> DirectoryBuilder::MakeRoom(size_t level, size_t entry_bytes) {
  const Level& open = *levels_[level];
  if (open.size() == 0 || open.EncodedBytesWith(entry_bytes) <= limits::kDirectoryBlobBytesMax) return {};
  return Close(level);
}

Result<void> DirectoryBuilder::CloseIfFull(size_t level, const Bytes& name) {
  const Level& open = *levels_[level];
  if (open.size() < limits::kDirectoryEntriesMin) return {};
  const bool is_full = open.size() >= limits::kDirectoryEntriesMax ||
                       CutsDirectory(sink_.MetadataHash(kCutLabel, {name}), open.blob.depth);
  if (is_full) return Close(level);
  return {};
}

// Stores the open blob of a depth and enters it one depth higher.
Result<void> DirectoryBuilder::Close(size_t level) {
  Level& full = *levels_[level];
  if (full.blob.depth > limits::kBlobTreeDepthMax) {
    return MakeError(ErrorCode::kUnsupported, "a directory is deeper than {}", limits::kBlobTreeDepthMax);
  }
  ASSIGN_OR_RETURN(const BlobId id, sink_.AddBlob(BlobKind::kMetadata, full.blob.Encode()));
  DirectoryChild child;
  child.last_name = full.last_name();
  child.leaf_entries = full.leaf_entries;
  child.bytes = full.file_bytes;
  child.id = id;
  full.Clear();
  return AddChild(level + 1, std::move(child));
}

Result<void> DirectoryBuilder::AddChild(size_t level, DirectoryChild child) {
  if (level == levels_.size()) {
    levels_.push_back(std::make_unique<Level>());
    levels_.back()->blob.depth = static_cast<uint8_t>(level);
  }
  const size_t bytes = ChildBytes(child);
  RETURN_IF_ERROR(MakeRoom(level, bytes));
  Level& open = *levels_[level];
  open.entry_bytes += bytes;
  open.leaf_entries += child.leaf_entries;
  open.file_bytes += child.bytes;
  open.blob.children.push_back(std::move(child));
  return CloseIfFull(level, Bytes(open.last_name()));
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
    if (is_top && level > 0 && open.size() == 1) return Subtree{entries_, open.blob.children.front().id};
    if (open.size() > 0) RETURN_IF_ERROR(Close(level));
  }
}

}  // namespace cairn
