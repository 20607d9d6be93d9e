#include "repo-format/sqlite_parameters.h"

#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr uint8_t kNoRows = 1, kNoOthers = 2;

}  // namespace

Bytes SqliteParameters::Encode() const {
  RecordWriter records;
  for (const std::string& pattern : chosen) records.Add(2, AsBytes(pattern));
  for (const std::string& pattern : excluded) records.Add(4, AsBytes(pattern));
  if (is_part) records.AddU8(8, static_cast<uint8_t>((no_rows ? kNoRows : 0) | (no_others ? kNoOthers : 0)));
  if (import_origin) records.Add(12, *import_origin);
  records.Add(unknown);
  return std::move(records).Take();
}

Result<SqliteParameters> SqliteParameters::Parse(ByteSpan bytes) {
  SqliteParameters parameters;
  const auto text = [](WireReader& value) { return ToString(value.Raw(value.remaining())); };
  RETURN_IF_ERROR(ReadRecords(
      bytes, "source parameters of SQLite", parameters.unknown, [](uint64_t tag) { return tag == 2 || tag == 4; },
      [&](uint64_t tag, WireReader& value) {
        switch (tag) {
          case 2:
            parameters.chosen.push_back(text(value));
            return true;
          case 4:
            parameters.excluded.push_back(text(value));
            return true;
          case 8: {
            const uint8_t flags = value.U8();
            if ((flags & ~(kNoRows | kNoOthers)) != 0) value.Unsupported("a flag is not known");
            parameters.no_rows = (flags & kNoRows) != 0;
            parameters.no_others = (flags & kNoOthers) != 0;
            parameters.is_part = true;
            return true;
          }
          case 12:
            parameters.import_origin = ToBytes(value.Raw(value.remaining()));
            return true;
          default:
            return false;
        }
      }));
  const bool has_patterns = !parameters.chosen.empty() || !parameters.excluded.empty();
  if (has_patterns && !parameters.is_part) return Corrupt("source parameters of SQLite: record 8 is missing");
  if (parameters.no_rows && parameters.no_others) {
    return Corrupt("source parameters of SQLite: neither rows nor definitions were asked for");
  }
  return parameters;
}

}  // namespace cairn
