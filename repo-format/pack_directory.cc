#include "repo-format/pack_directory.h"

#include <unordered_set>

#include "repo-format/base/checked_math.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr std::string_view kWhat = "pack directory";
constexpr uint64_t kFrameBytesMin = 21;  // of an entry: four varints, codec, check

PackSession ReadSession(WireReader& reader) {
  PackSession session;
  session.session = reader.Get<SessionId>();
  session.epoch = reader.U32();
  const auto suite = ParseSuite(reader.U8());
  if (suite) session.suite = *suite;
  if (!suite && !reader.failed()) reader.Unsupported(suite.error().message());
  session.envelope = Envelope::Read(reader);
  return session;
}

void CheckFrame(WireReader& reader, const FrameEntry& frame, uint64_t session_count, uint64_t blob_bytes) {
  if (reader.failed()) return;
  const auto fail = [&](std::string why) { reader.Fail("a frame " + why); };
  if (frame.sealed_length < limits::kFrameSealedBytesMin) {
    return fail(
        fmt::format("has {} sealed bytes, at least {} are needed", frame.sealed_length, limits::kFrameSealedBytesMin));
  }
  if (frame.codec == Codec::kPadding) {
    if (frame.plain_length != 0 || frame.session != 0 || !frame.blobs.empty())
      fail("of padding says that it holds blobs");
    return;
  }
  if (frame.session >= session_count) {
    return fail(fmt::format("is of session {}, there are {}", frame.session, session_count));
  }
  if (frame.blobs.empty()) return fail("holds no blob");
  if (blob_bytes != frame.plain_length) {
    return fail(fmt::format("has plain length {}, its blobs sum up to {}", frame.plain_length, blob_bytes));
  }
}

}  // namespace

void FrameEntry::Write(WireWriter& writer) const {
  writer.V(sealed_length);
  writer.V(plain_length);
  writer.V(session);
  writer.U8(static_cast<uint8_t>(codec));
  writer.Raw(check);
  writer.V(blobs.size());
  for (const BlobEntry& blob : blobs) {
    writer.Put(blob.id);
    writer.V(blob.length);
  }
}

FrameEntry FrameEntry::Read(WireReader& reader, uint64_t session_count) {
  FrameEntry frame;
  const uint64_t sealed = reader.V();
  const uint64_t plain = reader.V();
  const uint64_t session = reader.V();
  if (sealed > limits::kFrameSealedBytesMax || plain > limits::kFramePlainBytesMax || session > UINT32_MAX) {
    reader.Fail(fmt::format("a frame has {} sealed and {} plain bytes, session {}", sealed, plain, session));
    return frame;
  }
  frame.sealed_length = static_cast<uint32_t>(sealed);
  frame.plain_length = static_cast<uint32_t>(plain);
  frame.session = static_cast<uint32_t>(session);
  const uint8_t codec = reader.U8();
  if (!reader.failed() && codec != 0 && codec != 1 && codec != 255) {
    reader.Unsupported(fmt::format("codec {} is not known to this version of cairn", codec));
  }
  frame.codec = static_cast<Codec>(codec);
  const ByteSpan check = reader.Raw(frame.check.size());
  if (!check.empty()) std::ranges::copy(check, frame.check.begin());
  const uint64_t count = reader.Count(33, limits::kFrameBlobsMax);
  frame.blobs.reserve(count);
  uint64_t bytes = 0;
  for (uint64_t i = 0; i < count && !reader.failed(); ++i) {
    BlobEntry blob;
    blob.id = reader.Get<BlobId>();
    const uint64_t length = reader.V();
    if (!reader.failed() && (length == 0 || length > limits::kBlobBytesReadMax)) {
      reader.Fail(fmt::format("a blob has {} bytes, expected 1 to {}", length, limits::kBlobBytesReadMax));
    }
    blob.length = static_cast<uint32_t>(length);
    bytes += length;
    frame.blobs.push_back(blob);
  }
  CheckFrame(reader, frame, session_count, bytes);
  return frame;
}

Bytes PackDirectory::Encode() const {
  WireWriter writer;
  writer.V(sessions.size());
  for (const PackSession& session : sessions) {
    writer.Put(session.session);
    writer.U32(session.epoch);
    writer.U8(static_cast<uint8_t>(session.suite));
    session.envelope.Write(writer);
  }
  writer.V(frames.size());
  for (const FrameEntry& frame : frames) frame.Write(writer);
  RecordWriter extensions;
  extensions.Add(unknown);
  writer.String(std::move(extensions).Take());
  return std::move(writer).Take();
}

Result<PackDirectory> PackDirectory::Parse(ByteSpan plain) {
  WireReader reader(plain, kWhat);
  PackDirectory directory;
  const uint64_t session_count = reader.Count(25, UINT32_MAX);
  for (uint64_t i = 0; i < session_count && !reader.failed(); ++i) directory.sessions.push_back(ReadSession(reader));
  const uint64_t frame_count = reader.Count(kFrameBytesMin, UINT32_MAX);
  std::unordered_set<BlobId> ids;
  for (uint64_t i = 0; i < frame_count && !reader.failed(); ++i) {
    FrameEntry frame = FrameEntry::Read(reader, session_count);
    if (frame.codec == Codec::kPadding && i + 1 != frame_count) reader.Fail("padding is not the last frame");
    for (const BlobEntry& blob : frame.blobs) {
      if (!ids.insert(blob.id).second) reader.Fail(fmt::format("blob {} stands twice", blob.id.ToHex()));
    }
    directory.frames.push_back(std::move(frame));
  }
  const ByteSpan extensions = reader.String(limits::kDirectoryBytesMax);
  RETURN_IF_ERROR(reader.Finish());
  RETURN_IF_ERROR(ReadRecords(
      extensions, kWhat, directory.unknown, [](uint64_t) { return false; },
      [](uint64_t, WireReader&) { return false; }));
  if (ObjectHeader::kSize + directory.FrameBytes() > limits::kPackBytesMax) {
    return Corrupt("{}: its frames have {} bytes, a pack at most {}", kWhat, directory.FrameBytes(),
                   limits::kPackBytesMax);
  }
  return directory;
}

uint64_t PackDirectory::FrameBytes() const {
  uint64_t bytes = 0;
  for (const FrameEntry& frame : frames) bytes += frame.sealed_length;
  return bytes;
}

}  // namespace cairn
