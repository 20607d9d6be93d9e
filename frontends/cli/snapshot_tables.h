// The tables of a database that is in a snapshot, and their rows, where they are.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/job_context.h"
#include "engine/repo/blob_ends.h"
#include "frontends/browse/browse_world.h"

namespace cairn {

// Nothing is restored for it: of a SQLite database those pages are fetched that are needed, of a PostgreSQL dump what
// says what is in it, and the beginning of a table's rows. Safe for concurrent use; borrows both. Memory: of SQLite an
// eighth of the job's, of all who ask together, and kPageBytesMax each.
class SnapshotTables {
 public:
  using Tell = std::function<void(const std::string& note)>;
  // `tell` is told what who looks should know of a file that was caught while it was in use.
  SnapshotTables(const JobContext& context, bool is_far, BlobSource& blobs, Tell tell)
      : context_(context), is_far_(is_far), blobs_(blobs), tell_(std::move(tell)) {}

  // Rows of SQLite's tables are counted where the database is so small that it is soon read.
  Result<std::vector<browse::TableRow>> List(const browse::ShownDatabase& database, const std::stop_token& stop) const;
  // kUnsupported: the table has none here, or none that can be shown.
  Result<browse::RowPage> Rows(const browse::ShownDatabase& database, const std::string& table,
                               const browse::RowRange& range, const std::stop_token& stop) const;

  static constexpr uint64_t kPageBytesMax = 4ULL * 1024 * 1024;  // of the values of a page, unless it is a single row
  static constexpr size_t kCellBytesMax = 1024;                  // of a value, as it is given

 private:
  struct Sqlite;
  Result<Node> FindFile(const browse::ShownDatabase& database, const Tell& tell) const;
  Result<Sqlite> OpenSqlite(const browse::ShownDatabase& database, const Tell& tell, const std::stop_token& stop) const;

  const JobContext& context_;
  const bool is_far_;
  BlobSource& blobs_;
  const Tell tell_;
};

}  // namespace cairn
