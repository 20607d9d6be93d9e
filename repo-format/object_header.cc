#include "repo-format/object_header.h"

#include <cstring>

#include "repo-format/wire_reader.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr std::array<uint8_t, 6> kMagic = {'c', 'a', 'i', 'r', 'n', 0};
// The others are reserved: no reader of version 1 knows them.
bool IsKnownKind(uint8_t kind) {
  return (kind >= 1 && kind <= static_cast<uint8_t>(ObjectKind::kForgotten)) ||
         kind == static_cast<uint8_t>(ObjectKind::kDeleted);
}

}  // namespace

std::string_view Name(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::kConfig:
      return "config";
    case ObjectKind::kKeyObject:
      return "key object";
    case ObjectKind::kDataPack:
      return "data pack";
    case ObjectKind::kMetadataPack:
      return "metadata pack";
    case ObjectKind::kSegment:
      return "index segment";
    case ObjectKind::kSession:
      return "session";
    case ObjectKind::kSessionEnd:
      return "session end";
    case ObjectKind::kSignOfLife:
      return "sign of life";
    case ObjectKind::kSnapshot:
      return "snapshot";
    case ObjectKind::kFence:
      return "fence";
    case ObjectKind::kTombstone:
      return "tombstone";
    case ObjectKind::kSeenList:
      return "seen list";
    case ObjectKind::kNote:
      return "note";
    case ObjectKind::kForgotten:
      return "forgotten record";
    case ObjectKind::kParity:
      return "parity";
    case ObjectKind::kDeleted:
      return "deleted snapshot";
    case ObjectKind::kJournal:
      return "journal";
    case ObjectKind::kLedger:
      return "ledger";
    case ObjectKind::kCommit:
      return "commit";
  }
  return "unknown kind";
}

std::string_view Name(Suite suite) { return suite == Suite::kAes256Gcm ? "AES-256-GCM" : "ChaCha20-Poly1305"; }

Result<Suite> ParseSuite(uint8_t number) {
  if (number == 1 || number == 2) return static_cast<Suite>(number);
  return MakeError(ErrorCode::kUnsupported, "suite {} is not known to this version of cairn", number);
}

std::array<uint8_t, ObjectHeader::kSize> ObjectHeader::Encode() const {
  WireWriter writer;
  writer.Raw(kMagic);
  writer.U8(static_cast<uint8_t>(kind));
  writer.U8(kMajorVersion);
  writer.U64(0);  // incompatible features: version 1 has none
  writer.Put(family);
  writer.U32(epoch);
  writer.U16(domain);
  writer.U8(static_cast<uint8_t>(suite));
  writer.U8(0);  // flags
  writer.Raw(name);
  writer.Raw(salt);
  writer.U64(body_length);
  writer.Raw(RawId{});  // reserved
  CHECK(writer.size() == kSize);
  std::array<uint8_t, kSize> bytes{};
  std::ranges::copy(writer.bytes(), bytes.begin());
  return bytes;
}

Result<ObjectHeader> ObjectHeader::Parse(ByteSpan object) {
  if (object.size() < kSize) return Corrupt("an object header has {} bytes, this has {}", kSize, object.size());
  WireReader reader(object.first(kSize), "object header");
  if (!Equal(reader.Raw(kMagic.size()), kMagic)) return Corrupt("this is no object of cairn: its magic differs");
  const uint8_t kind = reader.U8();
  const uint8_t version = reader.U8();
  const uint64_t features = reader.U64();
  if (version != kMajorVersion) {
    return MakeError(ErrorCode::kUnsupported, "its format has version {}, this cairn knows version {}: upgrade cairn",
                     version, kMajorVersion);
  }
  if (features != 0) {
    return MakeError(ErrorCode::kUnsupported, "it needs features {:#x} that this cairn does not know: upgrade cairn",
                     features);
  }
  if (!IsKnownKind(kind)) {
    return MakeError(ErrorCode::kUnsupported, "object kind {} is not known to this version of cairn", kind);
  }
  ObjectHeader header;
  header.kind = static_cast<ObjectKind>(kind);
  header.family = reader.Get<FamilyId>();
  header.epoch = reader.U32();
  header.domain = reader.U16();
  const uint8_t suite = reader.U8();
  const uint8_t flags = reader.U8();
  std::ranges::copy(reader.Raw(16), header.name.begin());
  std::ranges::copy(reader.Raw(16), header.salt.begin());
  header.body_length = reader.U64();
  const ByteSpan reserved = reader.Raw(16);
  if (header.domain != 0) {
    return MakeError(ErrorCode::kUnsupported, "it is of domain {}, this cairn knows domain 0", header.domain);
  }
  ASSIGN_OR_RETURN(header.suite, ParseSuite(suite));
  if (flags != 0 || !Equal(reserved, RawId{})) {
    return Error(ErrorCode::kUnsupported, "reserved bytes of its header are not zero: it was made by a newer cairn");
  }
  RETURN_IF_ERROR(reader.Finish());
  return header;
}

}  // namespace cairn
