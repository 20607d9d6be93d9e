// What a dump of a PostgreSQL database becomes in pg_dump's own forms: its table of contents, and where data belongs.
#pragma once

#include <string>
#include <vector>

#include "frontends/export/pgdump_toc.h"
#include "frontends/postgres/dump_reader.h"
#include "repo-format/wire_writer.h"

namespace cairn::exports {

// The data of an entry: a table's rows, or large objects.
struct PgdumpPart {
  size_t entry = 0;                     // in the table of contents
  std::optional<size_t> table;          // in the description
  std::vector<uint64_t> large_objects;  // by their numbers, ascending
};

// What pg_dump would have written of the same state: the entries of create.pgdump, and among them those of rows,
// sequences and large objects, with what they depend on. Memory: create.pgdump and what is known of it, which is at
// most 256 MiB twice.
struct PgdumpPlan {
  postgres::DatabaseDescription description;
  PgdumpToc toc;
  std::vector<PgdumpPart> parts;  // in the order of their entries

  // `made`: the time of the snapshot, shown by pg_restore --list; of `offset_minutes` east of UTC, as pg_dump has it.
  static Result<PgdumpPlan> Make(postgres::DumpReader& dump, const WireTime& made, int32_t offset_minutes);
};

// The file of a dump that has a large object's bytes.
std::string LargeObjectFile(uint64_t oid);

}  // namespace cairn::exports
