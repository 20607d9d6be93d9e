#include "repo-format/directory_blob.h"

#include "repo-format/base/checked_math.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr std::string_view kWhat = "directory blob";
constexpr uint8_t kType = 2;
constexpr uint8_t kVersion = 1;

DirectoryChild ReadChild(WireReader& reader) {
  DirectoryChild child;
  child.last_name = ToBytes(reader.String(limits::kNameBytesMax));
  child.leaf_entries = reader.V();
  child.bytes = reader.V();
  child.id = reader.Get<BlobId>();
  if (!reader.failed() && (!IsNodeName(child.last_name) || child.leaf_entries == 0)) {
    reader.Fail("an inner entry has no valid name, or nothing below it");
  }
  return child;
}

}  // namespace

void DirectoryChild::Write(WireWriter& writer) const {
  writer.String(last_name);
  writer.V(leaf_entries);
  writer.V(bytes);
  writer.Put(id);
}

Bytes DirectoryBlob::Encode() const {
  WireWriter entries;
  for (const Node& node : nodes) node.Write(entries);
  for (const DirectoryChild& child : children) child.Write(entries);
  return EncodeWith(depth, depth == 0 ? nodes.size() : children.size(), entries.bytes());
}

Bytes DirectoryBlob::EncodeWith(uint8_t depth, uint64_t count, ByteSpan entries) {
  WireWriter writer;
  writer.U8(kType);
  writer.U8(kVersion);
  writer.U8(depth);
  writer.V(count);
  writer.Raw(entries);
  return std::move(writer).Take();
}

Result<DirectoryBlob> DirectoryBlob::Parse(ByteSpan blob) {
  WireReader reader(blob, kWhat);
  const uint8_t type = reader.U8();
  const uint8_t version = reader.U8();
  DirectoryBlob directory;
  directory.depth = reader.U8();
  RETURN_IF_ERROR(reader.status());
  if (type != kType) return Corrupt("{}: metadata type is {}, expected {}", kWhat, type, kType);
  if (version != kVersion) {
    return MakeError(ErrorCode::kUnsupported, "{}: version {} is not known to this version of cairn", kWhat, version);
  }
  if (directory.depth > limits::kBlobTreeDepthMax) {
    return Corrupt("{}: depth is {}, at most {} is allowed", kWhat, directory.depth, limits::kBlobTreeDepthMax);
  }
  if (blob.size() > limits::kDirectoryBlobBytesMax) {
    return Corrupt("{}: it has {} bytes, at most {} are allowed", kWhat, blob.size(), limits::kDirectoryBlobBytesMax);
  }
  const uint64_t count = reader.Count(directory.depth == 0 ? 15 : 36, limits::kDirectoryEntriesMax);
  if (!reader.failed() && count == 0 && directory.depth > 0) reader.Fail("an inner blob has no entries");
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    if (directory.depth == 0) {
      Node node = Node::Read(reader);
      if (i > 0 && !reader.failed() && node.name <= directory.nodes.back().name) reader.Fail("names do not ascend");
      directory.nodes.push_back(std::move(node));
    } else {
      DirectoryChild child = ReadChild(reader);
      const bool ascends = i == 0 || child.last_name > directory.children.back().last_name;
      if (!reader.failed() && !ascends) reader.Fail("last names do not ascend");
      directory.children.push_back(std::move(child));
    }
  }
  RETURN_IF_ERROR(reader.Finish());
  return directory;
}

bool CutsDirectory(const Digest& name_hash, unsigned depth) {
  uint64_t head = 0;
  for (const uint8_t byte : name_hash.bytes().subspan(8 * (depth % 4), 8)) head = head << 8 | byte;
  return head < uint64_t{1} << 58;
}

}  // namespace cairn
