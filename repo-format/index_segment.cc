#include "repo-format/index_segment.h"

#include <set>
#include <unordered_set>

#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr std::string_view kWhat = "index segment";

void WriteSession(WireWriter& writer, const SegmentSession& session) {
  writer.Put(session.session);
  writer.U32(session.epoch);
  writer.U8(static_cast<uint8_t>(session.suite));
  writer.V((session.content ? 1 : 0) + (session.metadata ? 1 : 0));
  if (session.content) {
    writer.U8(1);
    session.content->Write(writer);
  }
  if (session.metadata) {
    writer.U8(2);
    session.metadata->Write(writer);
  }
}

SegmentSession ReadSession(WireReader& reader) {
  SegmentSession session;
  session.session = reader.Get<SessionId>();
  session.epoch = reader.U32();
  const auto suite = ParseSuite(reader.U8());
  if (suite) session.suite = *suite;
  if (!suite && !reader.failed()) reader.Unsupported(suite.error().message());
  const uint64_t count = reader.Count(5, 2);
  if (!reader.failed() && count == 0) reader.Fail("a session has no envelope");
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    const uint8_t kind = reader.U8();
    auto& target = kind == 1 ? session.content : session.metadata;
    const bool ascends = !session.metadata.has_value() && !target.has_value();
    if (!reader.failed() && (kind < 1 || kind > 2 || !ascends)) {
      reader.Fail("the envelopes of a session are not content, then metadata");
      return session;
    }
    target = Envelope::Read(reader);
  }
  return session;
}

SegmentPack ReadPack(WireReader& reader, const std::vector<SegmentSession>& sessions) {
  SegmentPack pack;
  pack.name = reader.GetPackName();
  const uint8_t kind = reader.U8();
  if (!reader.failed() && kind != 1 && kind != 2) reader.Unsupported(fmt::format("pack kind {} is not known", kind));
  pack.kind = static_cast<BlobKind>(kind);
  pack.size = reader.V();
  const uint64_t count = reader.Count(21, UINT32_MAX);
  uint64_t frame_bytes = 0;
  std::unordered_set<BlobId> ids;
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    FrameEntry frame = FrameEntry::Read(reader, sessions.size());
    if (reader.failed()) break;
    if (frame.codec == Codec::kPadding) {
      if (i + 1 != count) reader.Fail("padding is not the last frame of a pack");
    } else {
      const SegmentSession& session = sessions[frame.session];
      const bool has_key = kind == 1 ? session.content.has_value() : session.metadata.has_value();
      if (!has_key) reader.Fail("a frame's session has no envelope of the pack's kind");
    }
    for (const BlobEntry& blob : frame.blobs) {
      if (!ids.insert(blob.id).second) reader.Fail(fmt::format("blob {} stands twice in a pack", blob.id.ToHex()));
    }
    frame_bytes += frame.sealed_length;
    pack.frames.push_back(std::move(frame));
  }
  if (!reader.failed() && (pack.size > limits::kPackBytesMax || ObjectHeader::kSize + frame_bytes >= pack.size)) {
    reader.Fail(fmt::format("a pack has {} bytes, its frames {}", pack.size, frame_bytes));
  }
  return pack;
}

}  // namespace

Bytes IndexSegment::Encode() const {
  WireWriter writer;
  writer.U8(level);
  writer.V(covers.size());
  for (const SegmentId& id : covers) writer.Put(id);
  writer.V(sessions.size());
  for (const SegmentSession& session : sessions) WriteSession(writer, session);
  writer.V(packs.size());
  for (const SegmentPack& pack : packs) {
    writer.Put(pack.name);
    writer.U8(static_cast<uint8_t>(pack.kind));
    writer.V(pack.size);
    writer.V(pack.frames.size());
    for (const FrameEntry& frame : pack.frames) frame.Write(writer);
  }
  writer.V(removed.size());
  for (const PackName& name : removed) writer.Put(name);
  writer.V(retired.size());
  for (const RetiredFrame& frame : retired) {
    writer.Put(frame.pack);
    writer.V(frame.frame);
  }
  RecordWriter extensions;
  extensions.Add(unknown);
  writer.String(std::move(extensions).Take());
  return std::move(writer).Take();
}

Result<IndexSegment> IndexSegment::Parse(ByteSpan plain) {
  WireReader reader(plain, kWhat);
  IndexSegment segment;
  segment.level = reader.U8();
  for (uint64_t n = reader.Count(16, UINT32_MAX); n > 0 && !reader.failed(); --n) {
    const auto id = reader.Get<SegmentId>();
    if (!segment.covers.empty() && id <= segment.covers.back()) reader.Fail("covered segments do not ascend");
    segment.covers.push_back(id);
  }
  std::set<SessionId> session_ids;
  for (uint64_t n = reader.Count(27, UINT32_MAX); n > 0 && !reader.failed(); --n) {
    segment.sessions.push_back(ReadSession(reader));
    if (!session_ids.insert(segment.sessions.back().session).second) reader.Fail("a session stands twice");
  }
  std::set<PackName> names;
  for (uint64_t n = reader.Count(43, UINT32_MAX); n > 0 && !reader.failed(); --n) {
    segment.packs.push_back(ReadPack(reader, segment.sessions));
    if (!names.insert(segment.packs.back().name).second) reader.Fail("a pack stands twice");
  }
  for (uint64_t n = reader.Count(40, UINT32_MAX); n > 0 && !reader.failed(); --n) {
    const PackName name = reader.GetPackName();
    if (!segment.removed.empty() && name <= segment.removed.back()) reader.Fail("removed packs do not ascend");
    segment.removed.push_back(name);
  }
  for (uint64_t n = reader.Count(41, UINT32_MAX); n > 0 && !reader.failed(); --n) {
    RetiredFrame frame;
    frame.pack = reader.GetPackName();
    const uint64_t number = reader.V();
    if (number > UINT32_MAX) reader.Fail(fmt::format("a retired frame has number {}", number));
    frame.frame = static_cast<uint32_t>(number);
    if (!segment.retired.empty() && frame <= segment.retired.back()) reader.Fail("retired frames do not ascend");
    segment.retired.push_back(frame);
  }
  const ByteSpan extensions = reader.String(limits::kSegmentBytesMax);
  RETURN_IF_ERROR(reader.Finish());
  RETURN_IF_ERROR(ReadRecords(
      extensions, kWhat, segment.unknown, [](uint64_t) { return false; }, [](uint64_t, WireReader&) { return false; }));
  return segment;
}

}  // namespace cairn
