// Writes a dump of a PostgreSQL database in pg_dump's custom and directory forms.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/env/progress.h"
#include "frontends/export/byte_sink.h"
#include "frontends/export/pgdump_plan.h"

namespace cairn::exports {

struct PgdumpReport {
  uint64_t tables = 0, rows = 0, large_objects = 0;
};

// Reads the dump in order, a chunk at a time, each verified; kCorrupt where a table's rows are not as many as its
// description says. Memory: about 2 MiB, and the reader's cache. One thread. Borrows all.
class PgdumpWriter {
 public:
  // `level` of zlib, 0 to 9; 0: uncompressed.
  PgdumpWriter(postgres::DumpReader& dump, const PgdumpPlan& plan, int level, Progress& progress)
      : dump_(dump), plan_(plan), level_(level), progress_(progress) {}

  // What was written before is changed: where data begins, as soon as that is known. Empty: it cannot be, and
  // pg_restore finds the data by reading on.
  using Patch = std::function<Result<void>(uint64_t offset, ByteSpan bytes)>;
  Result<PgdumpReport> WriteCustom(ByteSink& sink, const Patch& patch);
  // Of WriteCustom with level 0, to the byte.
  Result<uint64_t> CustomSize();

  // Files of the directory form: each is finished before the next is asked for.
  using NewFile = std::function<Result<std::unique_ptr<ByteSink>>(const std::string& name)>;
  Result<PgdumpReport> WriteDirectory(const NewFile& new_file);

 private:
  Result<void> WritePart(ByteSink& sink, const PgdumpPart& part, PgdumpReport& report);
  Result<void> WriteBlocks(ByteSink& sink, const std::function<Result<void>(ByteSink&)>& write);
  Result<void> WriteFile(const NewFile& new_file, const std::string& name,
                         const std::function<Result<void>(ByteSink&)>& write);
  Result<void> WriteRows(ByteSink& sink, const postgres::TableDescription& table, PgdumpReport& report);
  Result<void> WriteLargeObject(ByteSink& sink, uint64_t oid, PgdumpReport& report);

  postgres::DumpReader& dump_;
  const PgdumpPlan& plan_;
  const int level_;
  Progress& progress_;
};

}  // namespace cairn::exports
