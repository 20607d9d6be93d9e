#include "repo-format/files_parameters.h"

#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr uint8_t kCaches = 1, kOneFileSystem = 2;

}  // namespace

Bytes FilesParameters::Encode() const {
  RecordWriter records;
  for (const std::string& pattern : patterns) records.Add(2, AsBytes(pattern));
  for (const std::string& marker : markers) records.Add(4, AsBytes(marker));
  if (larger_than) records.AddV(6, *larger_than);
  records.AddU8(8, static_cast<uint8_t>((caches ? kCaches : 0) | (one_file_system ? kOneFileSystem : 0)));
  if (import_origin) records.Add(12, *import_origin);
  records.Add(unknown);
  return std::move(records).Take();
}

Result<FilesParameters> FilesParameters::Parse(ByteSpan bytes) {
  FilesParameters parameters;
  bool has_flags = false;
  const auto text = [](WireReader& value) { return ToString(value.Raw(value.remaining())); };
  RETURN_IF_ERROR(ReadRecords(
      bytes, "source parameters of files", parameters.unknown, [](uint64_t tag) { return tag == 2 || tag == 4; },
      [&](uint64_t tag, WireReader& value) {
        switch (tag) {
          case 2:
            parameters.patterns.push_back(text(value));
            return true;
          case 4:
            parameters.markers.push_back(text(value));
            return true;
          case 6:
            parameters.larger_than = value.V();
            return true;
          case 8: {
            const uint8_t flags = value.U8();
            if ((flags & ~(kCaches | kOneFileSystem)) != 0) value.Unsupported("a flag is not known");
            parameters.caches = (flags & kCaches) != 0;
            parameters.one_file_system = (flags & kOneFileSystem) != 0;
            has_flags = true;
            return true;
          }
          case 12:
            parameters.import_origin = ToBytes(value.Raw(value.remaining()));
            return true;
          default:
            return false;
        }
      }));
  if (!has_flags) return Corrupt("source parameters of files: record 8 is missing");
  return parameters;
}

}  // namespace cairn
