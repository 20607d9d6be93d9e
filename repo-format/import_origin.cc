#include "repo-format/import_origin.h"

#include "repo-format/files_parameters.h"

namespace cairn {
namespace {

bool NoneRepeats(uint64_t) { return false; }

}  // namespace

Bytes ImportOrigin::Encode() const {
  RecordWriter records;
  records.Add(1, fingerprint.bytes());
  records.Add(2, path);
  records.AddV(4, size);
  if (modified) records.AddTime(6, *modified);
  if (!written_time.empty()) records.Add(8, AsBytes(written_time));
  if (!format.empty()) records.Add(10, AsBytes(format));
  records.Add(unknown);
  return std::move(records).Take();
}

Result<ImportOrigin> ImportOrigin::Parse(ByteSpan bytes) {
  ImportOrigin origin;
  bool has_fingerprint = false;
  const auto rest = [](WireReader& value) { return ToBytes(value.Raw(value.remaining())); };
  RETURN_IF_ERROR(
      ReadRecords(bytes, "origin of an import", origin.unknown, NoneRepeats, [&](uint64_t tag, WireReader& value) {
        switch (tag) {
          case 1:
            origin.fingerprint = value.Get<Digest>();
            has_fingerprint = true;
            return true;
          case 2:
            origin.path = rest(value);
            return true;
          case 4:
            origin.size = value.V();
            return true;
          case 6:
            origin.modified = value.Time();
            return true;
          case 8:
            origin.written_time = ToString(rest(value));
            return true;
          case 10:
            origin.format = ToString(rest(value));
            return true;
          default:
            return false;
        }
      }));
  if (!has_fingerprint) return Corrupt("origin of an import: record 1 is missing");
  return origin;
}

Bytes ImportParameters(ItemKind kind, const ImportOrigin& origin) {
  if (kind == ItemKind::kFiles) {
    FilesParameters parameters;
    parameters.import_origin = origin.Encode();
    return parameters.Encode();
  }
  RecordWriter records;
  records.Add(ImportOrigin::kTag, origin.Encode());
  return std::move(records).Take();
}

std::optional<ImportOrigin> ImportOriginOf(const SnapshotItem& item) {
  if (!item.source_parameters) return std::nullopt;
  std::vector<UnknownRecord> others;
  std::optional<Bytes> encoded;
  // Records of the item's own kind may repeat, and are not ours to judge.
  const auto read = ReadRecords(
      *item.source_parameters, "source parameters", others, [](uint64_t) { return true; },
      [&](uint64_t tag, WireReader& value) {
        const ByteSpan bytes = value.Raw(value.remaining());
        if (tag == ImportOrigin::kTag) encoded = ToBytes(bytes);
        return true;
      });
  if (!read || !encoded) return std::nullopt;
  auto origin = ImportOrigin::Parse(*encoded);
  if (!origin) return std::nullopt;
  return *std::move(origin);
}

}  // namespace cairn
