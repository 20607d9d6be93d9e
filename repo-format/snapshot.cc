#include "repo-format/snapshot.h"

#include <set>

#include "repo-format/base/utf8.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr std::string_view kOuterWhat = "snapshot, outer part";
constexpr std::string_view kInnerWhat = "snapshot, inner part";
constexpr std::string_view kItemWhat = "snapshot item";

Bytes RestOf(WireReader& value) { return ToBytes(value.Raw(value.remaining())); }
std::string TextOf(WireReader& value) { return ToString(value.Raw(value.remaining())); }

// What is wrong with records inside a value is wrong with the value.
void Pass(WireReader& value, const Error& error) {
  if (error.code() == ErrorCode::kUnsupported) {
    value.Unsupported(error.message());
  } else {
    value.Fail(error.message());
  }
}

Bytes EncodeReference(const BlobReference& reference) {
  WireWriter writer;
  writer.V(reference.length);
  writer.Put(reference.id);
  return std::move(writer).Take();
}

BlobReference ReadReference(WireReader& value) {
  BlobReference reference;
  const uint64_t length = value.V();
  if (!value.failed() && (length == 0 || length > limits::kBlobBytesReadMax)) {
    value.Fail(fmt::format("a blob has {} bytes", length));
  }
  reference.length = static_cast<uint32_t>(length);
  reference.id = value.Get<BlobId>();
  return reference;
}

Bytes EncodeItem(const SnapshotItem& item) {
  RecordWriter records;
  records.Add(1, AsBytes(item.name));
  for (const Bytes& path : item.paths) records.Add(2, path);
  records.AddU8(3, static_cast<uint8_t>(item.kind));
  if (item.chunker) {
    WireWriter writer;
    WriteChunkerSettings(writer, *item.chunker);
    records.Add(4, writer.bytes());
  }
  records.Add(5, item.root.bytes());
  records.AddV(6, item.unread_nodes);
  records.AddU8(7, item.complete ? 1 : 2);
  if (item.command_line) records.Add(8, EncodeReference(*item.command_line));
  if (item.source_parameters) records.Add(10, *item.source_parameters);
  records.Add(item.unknown);
  return std::move(records).Take();
}

bool ReadItemRecord(SnapshotItem& item, uint64_t tag, WireReader& value) {
  switch (tag) {
    case 1:
      item.name = TextOf(value);
      if (!value.failed() && !IsItemName(item.name)) {
        value.Fail(fmt::format("\"{}\" is no name of an item", PathForPeople(AsBytes(item.name))));
      }
      return true;
    case 2:
      item.paths.push_back(RestOf(value));
      return true;
    case 3: {
      const uint8_t kind = value.U8();
      if (!value.failed() && (kind < 1 || kind > 5)) value.Unsupported(fmt::format("item kind {} is not known", kind));
      item.kind = static_cast<ItemKind>(kind);
      return true;
    }
    case 4:
      item.chunker = ReadChunkerSettings(value);
      return true;
    case 5:
      item.root = value.Get<BlobId>();
      return true;
    case 6:
      item.unread_nodes = value.V();
      return true;
    case 7: {
      const uint8_t state = value.U8();
      if (!value.failed() && (state < 1 || state > 2)) value.Unsupported(fmt::format("an item's state is {}", state));
      item.complete = state == 1;
      return true;
    }
    case 8:
      item.command_line = ReadReference(value);
      return true;
    case 10: {
      item.source_parameters = RestOf(value);
      std::vector<UnknownRecord> kept;  // version 1 knows none of them
      const auto read = ReadRecords(
          *item.source_parameters, "source parameters", kept, [](uint64_t) { return false; },
          [](uint64_t, WireReader&) { return false; });
      if (!read) Pass(value, read.error());
      return true;
    }
    default:
      return false;
  }
}

Result<SnapshotItem> ParseItem(ByteSpan bytes) {
  SnapshotItem item;
  uint32_t seen = 0;
  RETURN_IF_ERROR(ReadRecords(
      bytes, kItemWhat, item.unknown, [](uint64_t tag) { return tag == 2; },
      [&](uint64_t tag, WireReader& value) {
        if (tag < 32) seen |= 1u << tag;
        return ReadItemRecord(item, tag, value);
      }));
  constexpr uint32_t kNeeded = 1u << 1 | 1u << 3 | 1u << 5 | 1u << 7;
  if ((seen & kNeeded) != kNeeded) return Corrupt("{}: a needed record is missing", kItemWhat);
  return item;
}

Bytes EncodeTotals(const SnapshotTotals& totals) {
  WireWriter writer;
  for (const uint64_t value :
       {totals.files, totals.folders, totals.others, totals.bytes, totals.bytes_new, totals.bytes_stored}) {
    writer.V(value);
  }
  return std::move(writer).Take();
}

}  // namespace

std::string_view Name(ItemKind kind) {
  switch (kind) {
    case ItemKind::kFiles:
      return "files";
    case ItemKind::kStream:
      return "stream";
    case ItemKind::kPostgres:
      return "postgres";
    case ItemKind::kSqlite:
      return "sqlite";
    case ItemKind::kPages:
      return "pages";
  }
  return "unknown";
}

bool IsItemName(std::string_view name) {
  if (name.empty() || name.size() > limits::kItemNameBytesMax || name == "." || name == "..") return false;
  return name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos && IsUtf8(AsBytes(name));
}

std::string_view Name(SnapshotClass value) {
  switch (value) {
    case SnapshotClass::kOrdinary:
      return "ordinary";
    case SnapshotClass::kSafety:
      return "safety";
    case SnapshotClass::kArchive:
      return "archive";
    case SnapshotClass::kDrill:
      return "drill";
  }
  return "unknown";
}

// --- outer part ---

Bytes SnapshotOuter::Encode() const {
  RecordWriter records;
  records.AddU64(1, counter);
  for (const Digest& head : heads) records.Add(3, head.bytes());
  WireWriter envelope;
  envelope.U32(epoch);
  envelope.U8(static_cast<uint8_t>(suite));
  metadata_envelope.Write(envelope);
  records.Add(5, envelope.bytes());
  records.Add(7, inner);
  records.Add(unknown);
  return std::move(records).Take();
}

Result<SnapshotOuter> SnapshotOuter::Parse(ByteSpan plain) {
  SnapshotOuter outer;
  uint32_t seen = 0;
  RETURN_IF_ERROR(ReadRecords(
      plain, kOuterWhat, outer.unknown, [](uint64_t tag) { return tag == 3; },
      [&](uint64_t tag, WireReader& value) {
        if (tag < 32) seen |= 1u << tag;
        switch (tag) {
          case 1:
            outer.counter = value.U64();
            if (outer.counter == 0) value.Fail("the counter is 0, expected 1 or more");
            return true;
          case 3: {
            const auto head = value.Get<Digest>();
            if (!outer.heads.empty() && head <= outer.heads.back()) value.Fail("heads do not ascend");
            outer.heads.push_back(head);
            return true;
          }
          case 5: {
            outer.epoch = value.U32();
            const auto suite = ParseSuite(value.U8());
            if (suite) outer.suite = *suite;
            if (!suite && !value.failed()) value.Unsupported(suite.error().message());
            outer.metadata_envelope = Envelope::Read(value);
            return true;
          }
          case 7:
            outer.inner = RestOf(value);
            return true;
          default:
            return false;
        }
      }));
  constexpr uint32_t kNeeded = 1u << 1 | 1u << 5 | 1u << 7;
  if ((seen & kNeeded) != kNeeded) return Corrupt("{}: a needed record is missing", kOuterWhat);
  if (outer.inner.size() < 32) return Corrupt("{}: the inner part has {} bytes", kOuterWhat, outer.inner.size());
  return outer;
}

// --- inner part ---

TreePath SnapshotInner::PlaceOf(const SnapshotItem& item) const {
  return items.size() == 1 ? TreePath() : ToBytes(AsBytes(item.name));
}

Bytes SnapshotInner::Encode() const {
  RecordWriter records;
  records.Add(1, host);
  records.Add(2, user);
  records.AddTime(3, start);
  records.Add(4, AsBytes(program));
  records.AddTime(5, end);
  WireWriter offset;
  offset.S(offset_minutes);
  records.Add(6, offset.bytes());
  records.AddU8(7, static_cast<uint8_t>(snapshot_class));
  if (!zone.empty()) records.Add(8, AsBytes(zone));
  for (const SnapshotItem& item : items) records.Add(9, EncodeItem(item));
  if (parent) records.Add(10, parent->bytes());
  for (const SnapshotId& id : needs) records.Add(12, id.bytes());
  if (!description.empty()) records.Add(14, AsBytes(description));
  for (const std::string& tag : tags) records.Add(16, AsBytes(tag));
  records.Add(18, EncodeTotals(totals));
  if (original) records.Add(20, original->bytes());
  records.Add(unknown);
  return std::move(records).Take();
}

namespace {

bool ReadInnerRecord(SnapshotInner& inner, uint64_t tag, WireReader& value) {
  switch (tag) {
    case 1:
      inner.host = RestOf(value);
      return true;
    case 2:
      inner.user = RestOf(value);
      return true;
    case 3:
      inner.start = value.Time();
      return true;
    case 4:
      inner.program = TextOf(value);
      return true;
    case 5:
      inner.end = value.Time();
      return true;
    case 6: {
      const int64_t minutes = value.S();
      if (minutes < -1'440 || minutes > 1'440) value.Fail(fmt::format("the offset is {} minutes", minutes));
      inner.offset_minutes = static_cast<int32_t>(minutes);
      return true;
    }
    case 7: {
      const uint8_t number = value.U8();
      if (!value.failed() && (number < 1 || number > 4))
        value.Unsupported(fmt::format("class {} is not known", number));
      inner.snapshot_class = static_cast<SnapshotClass>(number);
      return true;
    }
    case 8:
      inner.zone = TextOf(value);
      return true;
    case 9: {
      auto item = ParseItem(value.Raw(value.remaining()));
      if (!item) {
        Pass(value, item.error());
      } else {
        inner.items.push_back(*std::move(item));
      }
      return true;
    }
    case 10:
      inner.parent = value.Get<SnapshotId>();
      return true;
    case 12:
      inner.needs.push_back(value.Get<SnapshotId>());
      return true;
    case 14:
      inner.description = TextOf(value);
      return true;
    case 16: {
      std::string tag_text = TextOf(value);
      if (!inner.tags.empty() && tag_text <= inner.tags.back()) value.Fail("tags do not ascend");
      inner.tags.push_back(std::move(tag_text));
      return true;
    }
    case 18: {
      SnapshotTotals& totals = inner.totals;
      for (uint64_t* field :
           {&totals.files, &totals.folders, &totals.others, &totals.bytes, &totals.bytes_new, &totals.bytes_stored}) {
        *field = value.V();
      }
      return true;
    }
    case 20:
      inner.original = value.Get<SnapshotId>();
      return true;
    default:
      return false;
  }
}

}  // namespace

Result<SnapshotInner> SnapshotInner::Parse(ByteSpan plain) {
  SnapshotInner inner;
  uint32_t seen = 0;
  RETURN_IF_ERROR(ReadRecords(
      plain, kInnerWhat, inner.unknown, [](uint64_t tag) { return tag == 9 || tag == 12 || tag == 16; },
      [&](uint64_t tag, WireReader& value) {
        if (tag < 32) seen |= 1u << tag;
        return ReadInnerRecord(inner, tag, value);
      }));
  constexpr uint32_t kNeeded = 1u << 1 | 1u << 3 | 1u << 5 | 1u << 7;
  if ((seen & kNeeded) != kNeeded) return Corrupt("{}: a needed record is missing", kInnerWhat);
  if (inner.items.size() > limits::kItemsMax) {
    return Corrupt("{}: {} items, at most {} are allowed", kInnerWhat, inner.items.size(), limits::kItemsMax);
  }
  std::set<std::string_view> names;
  for (const SnapshotItem& item : inner.items) {
    if (names.insert(item.name).second) continue;
    return Corrupt("{}: two items have the name \"{}\"", kInnerWhat, PathForPeople(AsBytes(item.name)));
  }
  return inner;
}

}  // namespace cairn
