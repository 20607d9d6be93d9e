#include "repo-format/object_name.h"

#include <algorithm>
#include <charconv>

namespace cairn {
namespace {

constexpr size_t kNameCharsMax = 120;

bool IsNameChar(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '/' || c == '-'; }

// A decimal number without leading zeros, from 1.
bool ParseNumber(std::string_view text, uint64_t* number) {
  if (text.empty() || text.front() == '0') return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return error == std::errc() && end == text.data() + text.size();
}

template <class IdType>
bool ParseId(std::string_view text, IdType* id) {
  const auto parsed = IdType::Parse(text);
  if (parsed) *id = *parsed;
  return parsed.has_value();
}

bool ParsePack(std::string_view text, PackName* pack) {
  const auto parsed = PackName::Parse(text);
  if (parsed) *pack = *parsed;
  return parsed.has_value();
}

using Kind = ParsedName::Kind;

Kind ParsePackPath(std::string_view rest, ParsedName& parsed) {
  const bool folder = rest.size() > 3 && rest[2] == '/';
  if (!folder || !ParsePack(rest.substr(3), &parsed.pack)) return Kind::kUnknown;
  return parsed.pack.ToString().substr(0, 2) == rest.substr(0, 2) ? Kind::kPack : Kind::kUnknown;
}

Kind ParseSession(std::string_view rest, ParsedName& parsed) {
  const size_t dot = rest.find('.');
  if (!ParseId(rest.substr(0, dot), &parsed.session)) return Kind::kUnknown;
  if (dot == std::string_view::npos) return Kind::kSession;
  const std::string_view suffix = rest.substr(dot + 1);
  if (suffix == "end") return Kind::kSessionEnd;
  return ParseNumber(suffix, &parsed.number) && parsed.number <= UINT32_MAX ? Kind::kSignOfLife : Kind::kUnknown;
}

Kind ParseTombstone(std::string_view rest, ParsedName& parsed) {
  if (rest.ends_with(".seen")) {
    return ParseId(rest.substr(0, rest.size() - 5), &parsed.session) ? Kind::kSeenList : Kind::kUnknown;
  }
  return ParsePack(rest, &parsed.pack) ? Kind::kTombstone : Kind::kUnknown;
}

Kind ParseNote(std::string_view rest, ParsedName& parsed) {
  const size_t slash = rest.find('/');
  if (slash == std::string_view::npos) return Kind::kUnknown;
  const bool good = ParseId(rest.substr(0, slash), &parsed.session) && ParseId(rest.substr(slash + 1), &parsed.id);
  return good ? Kind::kNote : Kind::kUnknown;
}

Kind ParseByPrefix(std::string_view name, ParsedName& parsed) {
  const size_t slash = name.find('/');
  if (slash == std::string_view::npos) return Kind::kUnknown;
  const std::string_view prefix = name.substr(0, slash + 1);
  const std::string_view rest = name.substr(slash + 1);
  const auto when = [](bool good, Kind kind) { return good ? kind : Kind::kUnknown; };
  if (prefix == kConfigPrefix) return when(ParseNumber(rest, &parsed.number), Kind::kConfig);
  if (prefix == kKeyPrefix) return when(ParseId(rest, &parsed.key), Kind::kKey);
  if (prefix == kDataPrefix || prefix == kMetaPrefix) {
    parsed.pack_kind = prefix == kDataPrefix ? BlobKind::kData : BlobKind::kMetadata;
    return ParsePackPath(rest, parsed);
  }
  if (prefix == kIndexPrefix) return when(ParseId(rest, &parsed.segment), Kind::kSegment);
  if (prefix == kSessionPrefix) return ParseSession(rest, parsed);
  if (prefix == kSnapshotPrefix) return when(ParseId(rest, &parsed.session), Kind::kSnapshot);
  if (prefix == kTombstonePrefix) return ParseTombstone(rest, parsed);
  if (prefix == kNotePrefix) return ParseNote(rest, parsed);
  if (prefix == kForgottenPrefix) return when(ParseId(rest, &parsed.id), Kind::kForgotten);
  if (prefix == kDeletedPrefix) return when(ParseId(rest, &parsed.session), Kind::kDeleted);
  for (const std::string_view reserved : {"parity/", "trash/", "journal/", "ledger/", "commits/"}) {
    if (prefix == reserved) return when(!rest.empty(), Kind::kReserved);
  }
  return Kind::kUnknown;
}

}  // namespace

ObjectName MakeObjectName(std::string text) { return ObjectName(std::move(text)); }

Result<ObjectName> ObjectName::Parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no object name: {}", text, why);
  };
  if (text.empty() || text.size() > kNameCharsMax) return bad("it must have 1 to 120 characters");
  for (const char c : text) {
    if (!IsNameChar(c)) return bad("only 0-9, a-z, '.', '/' and '-' are allowed");
  }
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('/', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return bad("it has an empty part, or one of dots");
    begin = end + 1;
  }
  return ObjectName(std::string(text));
}

std::string_view ObjectName::base() const {
  const size_t slash = text_.rfind('/');
  return slash == std::string::npos ? std::string_view(text_) : std::string_view(text_).substr(slash + 1);
}

ObjectName ConfigName(uint64_t number) { return MakeObjectName(fmt::format("config/{}", number)); }
ObjectName KeyName(const KeyId& key) { return MakeObjectName("keys/" + key.ToHex()); }

ObjectName PackObjectName(BlobKind kind, const PackName& pack) {
  const std::string name = pack.ToString();
  return MakeObjectName(
      fmt::format("{}{}/{}", kind == BlobKind::kData ? kDataPrefix : kMetaPrefix, name.substr(0, 2), name));
}

ObjectName SegmentName(const SegmentId& segment) { return MakeObjectName("index/" + segment.ToHex()); }
ObjectName SessionName(const SessionId& session) { return MakeObjectName("sessions/" + session.ToHex()); }
ObjectName SessionEndName(const SessionId& session) { return MakeObjectName("sessions/" + session.ToHex() + ".end"); }

ObjectName SignOfLifeName(const SessionId& session, uint32_t n) {
  return MakeObjectName(fmt::format("sessions/{}.{}", session.ToHex(), n));
}

ObjectName SnapshotName(const SnapshotId& snapshot) { return MakeObjectName("snapshots/" + snapshot.ToHex()); }
ObjectName TombstoneName(const PackName& pack) { return MakeObjectName("tombstones/" + pack.ToString()); }
ObjectName SeenListName(const SessionId& pruner) { return MakeObjectName("tombstones/" + pruner.ToHex() + ".seen"); }

ObjectName NoteName(const SnapshotId& snapshot, const ObjectId& id) {
  return MakeObjectName("notes/" + snapshot.ToHex() + "/" + id.ToHex());
}

ObjectName ForgottenName(const ObjectId& id) { return MakeObjectName("forgotten/" + id.ToHex()); }
ObjectName DeletedName(const SnapshotId& snapshot) { return MakeObjectName("deleted/" + snapshot.ToHex()); }

ParsedName ParseObjectName(std::string_view name) {
  ParsedName parsed;
  parsed.kind = ParseByPrefix(name, parsed);
  if (parsed.kind == Kind::kUnknown) return {};  // nothing of what was read on the way
  return parsed;
}

}  // namespace cairn
