// One export: an item of a snapshot, or all of it, in a form that other programs read.
#pragma once

#include <functional>
#include <string>

#include "frontends/cli/export_target.h"
#include "frontends/cli/opened_snapshot.h"
#include "frontends/export/age_sink.h"
#include "frontends/postgres/description.h"

namespace cairn {

enum class ExportFormat { kSql, kCustom, kDirectory, kDatabase, kZip, kTarZstd };
std::string_view Name(ExportFormat format);  // as --format has it

struct ExportOptions {
  ExportFormat format = ExportFormat::kZip;
  int level = 0;  // of compression, where the form has any
  std::optional<exports::AgeOptions> encryption;
  bool verifies = true;
};

struct ExportReport {
  std::string what;    // "12 tables, 34,567 rows", for people
  std::string sha256;  // of the file; empty: of a folder, or of standard output
  uint64_t bytes = 0;  // of what was written, where that is known
  std::optional<uint64_t> tables, rows, files;
  uint64_t left_out = 0;  // nodes that are not in it, and were told
  std::vector<std::string> notes;
};

// What is under the final name is whole: every blob was verified, rows were counted, pg_restore or SQLite has read it
// where it is theirs and there is one, and its SHA-256 is that of the file when it is read again. Where anything fails
// there is nothing. Memory: the reader's cache (an eighth of --memory), and a few MiB; where definitions are large,
// twice them. One thread. Borrows all.
class ExportRun {
 public:
  ExportRun(Cli& cli, OpenedSnapshot& opened, const SnapshotPlace& place, const SnapshotItem* item,
            const ExportOptions& options, ExportTarget& target)
      : cli_(cli), opened_(opened), place_(place), item_(item), options_(options), target_(target) {}
  Result<ExportReport> Run();

 private:
  class Stream;
  using Write = std::function<Result<void>(Stream& stream)>;
  Result<void> ToStream(const Write& write, const std::function<Result<void>(exports::OutputFile&)>& check);
  Result<void> Bundle();
  Result<void> PostgresSql();
  Result<void> PostgresCustom();
  Result<void> PostgresDirectory();
  Result<void> ReadByPgRestore(const postgres::DatabaseDescription& description, const std::string& form,
                               const std::string& path);
  Result<void> Sqlite();
  Result<std::unique_ptr<exports::OutputFile>> FetchDatabase();
  Result<void> CheckSqlite(exports::OutputFile& file);
  void SayTables(uint64_t tables, uint64_t rows);

  Cli& cli_;
  OpenedSnapshot& opened_;
  const SnapshotPlace& place_;
  const SnapshotItem* const item_;  // nothing: all of them
  const ExportOptions& options_;
  ExportTarget& target_;
  ExportReport report_;
};

}  // namespace cairn
