// Rows and large objects of a dump into a session's transaction, and whether they are there then.
#pragma once

#include "engine/crypto/hash.h"
#include "engine/env/progress.h"
#include "frontends/postgres/connection.h"
#include "frontends/postgres/dump_reader.h"

namespace cairn::postgres {

// Within a transaction that has ReadingSettings, which the caller begins and ends. Borrows all.
class RowLoader {
 public:
  RowLoader(Connection& connection, DumpReader& dump, Progress& progress)
      : connection_(connection), dump_(dump), progress_(progress) {}

  struct Loaded {
    uint64_t rows = 0, bytes = 0;
    Digest digest{};
  };
  // Into a table that this transaction has made or emptied, of which nobody else knows (`is_new`: rows need not be
  // frozen later), or into what it has. An Error where the server takes another count than the dump has.
  Result<Loaded> Load(const TableDescription& table, bool is_new);
  // Right after Load: rows lie as they were loaded, so the table's order is the dump's.
  Result<void> Verify(const TableDescription& table, const Digest& wanted);
  // With owner and grants where `with_owner`. Its size.
  Result<uint64_t> LoadLargeObject(const LargeObject& object, bool with_owner, bool verifies);

 private:
  Result<void> Give(const LargeObject& object);

  Connection& connection_;
  DumpReader& dump_;
  Progress& progress_;
};

}  // namespace cairn::postgres
