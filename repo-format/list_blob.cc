#include "repo-format/list_blob.h"

#include "repo-format/base/checked_math.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr std::string_view kWhat = "list blob";
constexpr uint8_t kType = 1;
constexpr uint8_t kVersion = 1;
constexpr uint64_t kFileBytesMax = INT64_MAX;

}  // namespace

void ListEntry::Write(WireWriter& writer) const {
  writer.U8(static_cast<uint8_t>(type));
  writer.V(length);
  if (type == Type::kRun) writer.V(count);
  if (type != Type::kHole) writer.Put(id);
}

ListEntry ListEntry::Read(WireReader& reader) {
  ListEntry entry;
  const uint8_t type = reader.U8();
  if (!reader.failed() && type > 2) reader.Unsupported(fmt::format("list entry type {} is not known", type));
  entry.type = static_cast<Type>(type);
  entry.length = reader.V();
  if (entry.type == Type::kRun) entry.count = reader.V();
  if (entry.type != Type::kHole) entry.id = reader.Get<BlobId>();
  if (reader.failed()) return entry;
  const uint64_t length_max = entry.type == Type::kHole ? kFileBytesMax : limits::kBlobBytesReadMax;
  if (entry.length == 0 || entry.length > length_max) {
    reader.Fail(fmt::format("a list entry has {} bytes, expected 1 to {}", entry.length, length_max));
  }
  if (entry.type == Type::kRun && entry.count < 2) reader.Fail(fmt::format("a run has {} blobs", entry.count));
  const auto total = CheckedMul(entry.length, entry.count);
  if (!total || *total > kFileBytesMax) reader.Fail("a run is longer than a file can be");
  return entry;
}

void ListChild::Write(WireWriter& writer) const {
  writer.V(bytes);
  writer.V(leaf_entries);
  writer.Put(id);
}

ListChild ListChild::Read(WireReader& reader) {
  ListChild child;
  child.bytes = reader.V();
  child.leaf_entries = reader.V();
  child.id = reader.Get<BlobId>();
  const bool sane = child.bytes > 0 && child.bytes <= kFileBytesMax && child.leaf_entries > 0;
  if (!reader.failed() && !sane) {
    reader.Fail(fmt::format("a list says that {} bytes in {} entries are below it", child.bytes, child.leaf_entries));
  }
  return child;
}

Bytes ListBlob::Encode() const {
  WireWriter writer;
  writer.U8(kType);
  writer.U8(kVersion);
  writer.U8(depth);
  writer.V(depth == 0 ? entries.size() : children.size());
  for (const ListEntry& entry : entries) entry.Write(writer);
  for (const ListChild& child : children) child.Write(writer);
  return std::move(writer).Take();
}

Result<ListBlob> ListBlob::Parse(ByteSpan blob) {
  WireReader reader(blob, kWhat);
  const uint8_t type = reader.U8();
  const uint8_t version = reader.U8();
  ListBlob list;
  list.depth = reader.U8();
  RETURN_IF_ERROR(reader.status());
  if (type != kType) return Corrupt("{}: metadata type is {}, expected {}", kWhat, type, kType);
  if (version != kVersion) {
    return MakeError(ErrorCode::kUnsupported, "{}: version {} is not known to this version of cairn", kWhat, version);
  }
  if (list.depth > limits::kBlobTreeDepthMax) {
    return Corrupt("{}: depth is {}, at most {} is allowed", kWhat, list.depth, limits::kBlobTreeDepthMax);
  }
  const uint64_t count = reader.Count(list.depth == 0 ? 2 : 34, limits::kListEntriesMax);
  if (!reader.failed() && count == 0) reader.Fail("it has no entries");
  uint64_t bytes = 0;
  const auto add = [&](uint64_t more) {
    const auto sum = CheckedAdd(bytes, more);
    if (!sum || *sum > kFileBytesMax) reader.Fail("its entries are longer than a file can be");
    bytes = sum.value_or(0);
  };
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    if (list.depth == 0) {
      list.entries.push_back(ListEntry::Read(reader));
      if (!reader.failed()) add(list.entries.back().TotalBytes());
    } else {
      list.children.push_back(ListChild::Read(reader));
      if (!reader.failed()) add(list.children.back().bytes);
    }
  }
  RETURN_IF_ERROR(reader.Finish());
  return list;
}

bool CutsList(const BlobId& id, uint32_t average) {
  uint64_t head = 0;
  for (const uint8_t byte : id.bytes().first(8)) head = head << 8 | byte;
  // floor(2^64 / average), for averages that need not be a power of two
  const uint64_t threshold = UINT64_MAX / average + (UINT64_MAX % average == average - 1 ? 1 : 0);
  return head < threshold;
}

}  // namespace cairn
