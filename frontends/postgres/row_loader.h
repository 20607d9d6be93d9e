// Rows and large objects of a dump into a session's transaction, and whether they are there then.
#pragma once

#include "engine/codec/checksum.h"
#include "engine/env/progress.h"
#include "frontends/postgres/connection.h"
#include "frontends/postgres/dump_reader.h"

namespace cairn::postgres {

struct CopiedRows {
  uint64_t rows = 0, bytes = 0;
  Checksum checksum;
};
// The rows of `table` through `statement`, a COPY FROM STDIN. An Error where the server takes another count than the
// dump has.
Result<CopiedRows> CopyRowsIn(Connection& connection, const std::string& statement, DumpReader& dump,
                              const TableDescription& table, Progress& progress);
// Reads them again by `statement`, a COPY TO STDOUT in the same order. An Error where they are others.
Result<void> VerifyCopiedRows(Connection& connection, const std::string& statement, const CopiedRows& wanted);

// Within a transaction that has ReadingSettings, which the caller begins and ends. Borrows all.
class RowLoader {
 public:
  RowLoader(Connection& connection, DumpReader& dump, Progress& progress)
      : connection_(connection), dump_(dump), progress_(progress) {}

  // Into a table that this transaction has made or emptied, of which nobody else knows (`is_new`: rows need not be
  // frozen later), or into what it has.
  Result<CopiedRows> Load(const TableDescription& table, bool is_new);
  // Right after Load: rows lie as they were loaded, so the table's order is the dump's.
  Result<void> Verify(const TableDescription& table, const CopiedRows& wanted);
  // With owner and grants where `with_owner`. Its size.
  Result<uint64_t> LoadLargeObject(const LargeObject& object, bool with_owner, bool verifies);

 private:
  Result<void> Give(const LargeObject& object);

  Connection& connection_;
  DumpReader& dump_;
  Progress& progress_;
};

}  // namespace cairn::postgres
