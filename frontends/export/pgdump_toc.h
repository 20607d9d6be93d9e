// The table of contents of a dump as pg_dump writes it, in its custom and directory forms.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/wire_writer.h"

namespace cairn::exports {

using PgText = std::optional<std::string>;  // nothing is another thing than an empty text

// Sections of pg_dump. Never renumber: they stand in its files.
inline constexpr int kSectionNone = 1, kSectionPreData = 2, kSectionData = 3, kSectionPostData = 4;

struct PgdumpEntry {
  int id = 0;
  bool has_data = false;
  std::string catalog = "0", oid = "0";  // numbers, as text
  PgText tag, kind;                      // "orders", "TABLE DATA"
  int section = kSectionNone;
  PgText definition, drop, copy, schema, tablespace, access_method, owner;
  int relation_kind = 0;  // since 1.16
  std::vector<int> dependencies;
  std::string file;  // directory form: what has its data; empty: nothing has
};

// Versions 1.14 (pg_dump 12 to 15), 1.15 (16) and 1.16 (17, 18): pg_dump's sources alone say what they are
// (pg_backup_archiver.c: WriteHead, WriteToc).
struct PgdumpToc {
  uint8_t minor = 14, revision = 0;
  std::array<int, 7> time{};  // second, minute, hour, day, month from 0, year from 1900, daylight saving
  PgText database, server_version, dump_version;
  std::vector<PgdumpEntry> entries;

  // Of the custom form, its head and table; what follows it is not looked at. kUnsupported: a version that is not
  // known; kCorrupt.
  static Result<PgdumpToc> Parse(ByteSpan dump);

  // As they begin a file of the custom form. `compressed`: the data is, by zlib. `places`, where it is not null, gets
  // for each entry where its offset stands: OffsetField's bytes go there once that is known.
  Bytes EncodeCustom(bool compressed, std::vector<uint64_t>* places) const;
  // toc.dat of the directory form.
  Bytes EncodeDirectory(bool compressed) const;

  int HighestId() const;  // of entries and dependencies
};

// Where an entry's data begins in a file of the custom form.
Bytes OffsetField(uint64_t offset);
// An integer as pg_dump writes it: its sign, then four bytes, the lowest first.
void PutPgInt(WireWriter& writer, int64_t value);

}  // namespace cairn::exports
