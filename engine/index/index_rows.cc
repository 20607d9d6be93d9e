#include "engine/index/index_rows.h"

#include <algorithm>

#include "repo-format/limits.h"
#include "repo-format/wire_reader.h"
#include "repo-format/wire_writer.h"

namespace cairn::index_rows {
namespace {

// Big-endian, so that rows are in the order of their numbers.
void PutBigEndian(MutableByteSpan target, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) target[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}
uint32_t GetBigEndian(ByteSpan source) {
  return static_cast<uint32_t>(source[0]) << 24 | static_cast<uint32_t>(source[1]) << 16 |
         static_cast<uint32_t>(source[2]) << 8 | source[3];
}

void AddVarint(BlobValue& value, uint32_t number) {
  for (; number >= 0x80; number >>= 7) value.bytes[value.size++] = static_cast<uint8_t>(number | 0x80);
  value.bytes[value.size++] = static_cast<uint8_t>(number);
}

// The reader has failed, or the number is one of ours.
uint32_t ReadU32(WireReader& reader) {
  const uint64_t value = reader.V();
  if (value > 0xffff'ffff) reader.Fail("a number has more than 32 bits");
  return static_cast<uint32_t>(value);
}

void WriteNames(WireWriter& writer, const std::vector<PackName>& names) {
  writer.V(names.size());
  for (const PackName& name : names) writer.Put(name);
}
std::vector<PackName> ReadNames(WireReader& reader) {
  std::vector<PackName> names(reader.Count(PackName::kSize, UINT32_MAX));
  for (PackName& name : names) name = reader.GetPackName();
  return names;
}

}  // namespace

Bytes PackRow::Encode() const {
  WireWriter writer;
  writer.Put(name);
  writer.Raw(digest);
  writer.U8(static_cast<uint8_t>(kind));
  writer.U8(complete ? 1 : 0);
  writer.V(size);
  writer.V(frame_count);
  writer.V(blob_count);
  return std::move(writer).Take();
}

Result<PackRow> PackRow::Parse(ByteSpan bytes) {
  WireReader reader(bytes, "pack row");
  PackRow row;
  row.name = reader.GetPackName();
  std::ranges::copy(reader.Raw(row.digest.size()), row.digest.begin());
  const uint8_t kind = reader.U8();
  if (kind != static_cast<uint8_t>(BlobKind::kData) && kind != static_cast<uint8_t>(BlobKind::kMetadata)) {
    reader.Fail("there is no such kind of pack");
  }
  row.kind = static_cast<BlobKind>(kind);
  row.complete = reader.U8() == 1;
  row.size = reader.V();
  row.frame_count = ReadU32(reader);
  row.blob_count = reader.V();
  RETURN_IF_ERROR(reader.Finish());
  return row;
}

Bytes FrameRow::Encode() const {
  WireWriter writer;
  writer.V(offset);
  entry.Write(writer);
  return std::move(writer).Take();
}

Result<FrameRow> FrameRow::Parse(ByteSpan bytes) {
  WireReader reader(bytes, "frame row");
  FrameRow row;
  row.offset = reader.V();
  row.entry = FrameEntry::Read(reader, UINT32_MAX);
  RETURN_IF_ERROR(reader.Finish());
  return row;
}

Bytes SegmentRow::Encode() const {
  WireWriter writer;
  writer.V(packs.size());
  for (const auto& [name, digest] : packs) {
    writer.Put(name);
    writer.Raw(digest);
  }
  WriteNames(writer, removed);
  writer.V(retired.size());
  for (const RetiredFrame& frame : retired) {
    writer.Put(frame.pack);
    writer.V(frame.frame);
  }
  return std::move(writer).Take();
}

Result<SegmentRow> SegmentRow::Parse(ByteSpan bytes) {
  WireReader reader(bytes, "segment row");
  SegmentRow row;
  row.packs.resize(reader.Count(PackName::kSize + PackDigest().size(), UINT32_MAX));
  for (auto& [name, digest] : row.packs) {
    name = reader.GetPackName();
    std::ranges::copy(reader.Raw(digest.size()), digest.begin());
  }
  row.removed = ReadNames(reader);
  row.retired.resize(reader.Count(PackName::kSize + 1, UINT32_MAX));
  for (RetiredFrame& frame : row.retired) {
    frame.pack = reader.GetPackName();
    frame.frame = ReadU32(reader);
  }
  RETURN_IF_ERROR(reader.Finish());
  return row;
}

Bytes EncodeSessions(std::span<const PackSession> sessions) {
  WireWriter writer;
  writer.V(sessions.size());
  for (const PackSession& session : sessions) {
    writer.Put(session.session);
    writer.U32(session.epoch);
    writer.U8(static_cast<uint8_t>(session.suite));
    session.envelope.Write(writer);
  }
  return std::move(writer).Take();
}

Result<std::vector<PackSession>> ParseSessions(ByteSpan bytes) {
  WireReader reader(bytes, "sessions row");
  constexpr uint64_t kSessionBytesMin = SessionId::kSize + 4 + 1 + 2 + 2;
  std::vector<PackSession> sessions(reader.Count(kSessionBytesMin, UINT32_MAX));
  for (PackSession& session : sessions) {
    session.session = reader.Get<SessionId>();
    session.epoch = reader.U32();
    session.suite = static_cast<Suite>(reader.U8());
    session.envelope = Envelope::Read(reader);
  }
  RETURN_IF_ERROR(reader.Finish());
  return sessions;
}

Bytes EncodeCopy(const RepositoryId& repository) {
  WireWriter writer;
  writer.U32(kLayout);
  writer.Put(repository);
  return std::move(writer).Take();
}

BlobKey ToBlobKey(const BlobId& id, uint32_t pack) {
  BlobKey key;
  std::copy(id.bytes().begin(), id.bytes().end(), key.begin());
  PutBigEndian(MutableByteSpan(key).subspan(BlobId::kSize), pack);
  return key;
}

BlobValue ToBlobValue(uint32_t frame, uint32_t blob, uint32_t length) {
  BlobValue value;
  AddVarint(value, frame);
  AddVarint(value, blob);
  AddVarint(value, length);
  return value;
}

Result<BlobRow> ParseBlobRow(ByteSpan key, ByteSpan value) {
  if (key.size() != std::tuple_size_v<BlobKey>) return Corrupt("blob row has a key of {} bytes", key.size());
  BlobRow row{.id = BlobId::FromBytes(key.first(BlobId::kSize))};
  row.place.pack = GetBigEndian(key.subspan(BlobId::kSize));
  WireReader reader(value, "blob row");
  row.place.frame = ReadU32(reader);
  row.place.blob = ReadU32(reader);
  row.place.length = ReadU32(reader);
  RETURN_IF_ERROR(reader.Finish());
  return row;
}

FrameKey ToFrameKey(uint32_t pack, uint32_t frame) {
  FrameKey key;
  PutBigEndian(MutableByteSpan(key).first(4), pack);
  PutBigEndian(MutableByteSpan(key).subspan(4), frame);
  return key;
}

NumberKey ToNumberKey(uint32_t number) {
  NumberKey key;
  PutBigEndian(key, number);
  return key;
}

Result<uint32_t> ParseNumber(ByteSpan bytes) {
  if (bytes.size() < 4) return Corrupt("number row has {} bytes, expected 4", bytes.size());
  return GetBigEndian(bytes);
}

}  // namespace cairn::index_rows
