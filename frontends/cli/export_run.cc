#include "frontends/cli/export_run.h"

#include <unistd.h>

#include <algorithm>

#include "engine/tree/directory_reader.h"
#include "frontends/cli/text.h"
#include "frontends/export/content_stream.h"
#include "frontends/export/pgdump_writer.h"
#include "frontends/export/program_sink.h"
#include "frontends/export/snapshot_bundle.h"
#include "frontends/postgres/client_program.h"
#include "frontends/sqlite/database_check.h"
#include "frontends/sqlite/sql_dump.h"

namespace cairn {
namespace {

using exports::ByteSink;
using exports::OutputFile;
using exports::PgdumpPlan;
using exports::PgdumpReport;
using exports::PgdumpWriter;
using postgres::DumpReader;

constexpr const char* kPartName = "part";
constexpr uint64_t kJournalModeAt = 18;  // of a SQLite database: two bytes
constexpr std::string_view kSqlEnd = "-- PostgreSQL database dump complete";

class FileOfFolder : public ByteSink {
 public:
  using Made = std::vector<ExportTarget::FileMade>;
  FileOfFolder(std::string name, std::unique_ptr<OutputFile> file, Made& made)
      : name_(std::move(name)), file_(std::move(file)), made_(made) {}
  Result<void> Write(ByteSpan bytes) override { return file_->Write(bytes); }
  Result<void> Finish() override {
    RETURN_IF_ERROR(file_->Finish());
    RETURN_IF_ERROR(file_->Sync());
    made_.push_back({name_, file_->bytes(), file_->Written()});
    file_->Keep();
    return {};
  }

 private:
  const std::string name_;
  const std::unique_ptr<OutputFile> file_;
  Made& made_;
};

// All files of a dump, for progress.
uint64_t BytesOf(DumpReader& dump, const PgdumpPlan& plan) {
  uint64_t bytes = 0;
  for (const auto& table : plan.description.tables) {
    if (table.file.empty()) continue;
    const auto size = dump.Size(table.file);
    bytes += size ? *size : 0;
  }
  return bytes;
}

}  // namespace

std::string_view Name(ExportFormat format) {
  constexpr std::string_view kNames[] = {"sql", "custom", "directory", "db", "zip", "tar.zst"};
  return kNames[static_cast<size_t>(format)];
}

// Where the bytes of one file go: to standard output or into a file, encrypted or not.
class ExportRun::Stream {
 public:
  static Result<std::unique_ptr<Stream>> Open(Cli& cli, ExportTarget& target, const ExportOptions& options) {
    std::unique_ptr<Stream> stream(new Stream(cli));
    if (target.is_stdout()) {
      stream->output_ = std::make_unique<exports::DescriptorSink>(STDOUT_FILENO, stream->waiter_, "standard output");
      stream->sink_ = stream->output_.get();
    } else {
      ASSIGN_OR_RETURN(stream->file_, target.NewFile(kPartName));
      stream->sink_ = stream->file_.get();
    }
    if (!options.encryption) return stream;
    ASSIGN_OR_RETURN(stream->age_, exports::AgeSink::Make(*stream->sink_, *options.encryption, cli.context().random));
    stream->sink_ = stream->age_.get();
    return stream;
  }
  ByteSink& sink() { return *sink_; }
  OutputFile* file() { return file_.get(); }                                    // nothing: standard output
  OutputFile* plain_file() { return age_ == nullptr ? file_.get() : nullptr; }  // that others can read
  const stream::Waiter& waiter() const { return waiter_; }
  Result<void> Finish() {
    if (age_ != nullptr) RETURN_IF_ERROR(age_->Finish());
    return file_ != nullptr ? file_->Finish() : Result<void>();
  }

 private:
  explicit Stream(Cli& cli) : waiter_(cli.stop()) {}
  const stream::Waiter waiter_;
  std::unique_ptr<OutputFile> file_;
  std::unique_ptr<exports::DescriptorSink> output_;
  std::unique_ptr<exports::AgeSink> age_;
  ByteSink* sink_ = nullptr;
};

Result<ExportReport> ExportRun::Run() {
  const auto progress = cli_.ShowProgress();
  auto done = [&]() -> Result<void> {
    switch (options_.format) {
      case ExportFormat::kZip:
      case ExportFormat::kTarZstd:
        return Bundle();
      case ExportFormat::kCustom:
        return PostgresCustom();
      case ExportFormat::kDirectory:
        return PostgresDirectory();
      case ExportFormat::kSql:
        return item_->kind == ItemKind::kSqlite ? Sqlite() : PostgresSql();
      case ExportFormat::kDatabase:
        return Sqlite();
    }
    return Error(ErrorCode::kInvalidArgument, "there is no such form");
  }();
  RETURN_IF_ERROR(done);
  return std::move(report_);
}

// `check`, where it is not empty, is of a file that is not encrypted.
Result<void> ExportRun::ToStream(const Write& write, const std::function<Result<void>(OutputFile&)>& check) {
  ASSIGN_OR_RETURN(const auto stream, Stream::Open(cli_, target_, options_));
  cli_.context().progress.SetPhase("exporting");
  RETURN_IF_ERROR(write(*stream));
  RETURN_IF_ERROR(stream->Finish());
  if (stream->file() == nullptr) return {};
  report_.bytes = stream->file()->bytes();
  if (check && options_.verifies && stream->plain_file() != nullptr) RETURN_IF_ERROR(check(*stream->file()));
  ASSIGN_OR_RETURN(report_.sha256, target_.PlaceFile(cli_, *stream->file()));
  return {};
}

// --- files ---

Result<void> ExportRun::Bundle() {
  const bool is_zip = options_.format == ExportFormat::kZip;
  const bool is_database = item_ == nullptr || item_->kind == ItemKind::kPostgres || item_->kind == ItemKind::kSqlite;
  const bool is_plain = !is_zip && (!is_database || (item_ != nullptr && !place_.inside.empty()));
  return ToStream(
      [&](Stream& stream) -> Result<void> {
        ASSIGN_OR_RETURN(const auto bundle, is_zip ? exports::FileBundle::MakeZip(stream.sink(), options_.level)
                                                   : exports::FileBundle::MakeTar(stream.sink(), options_.level));
        exports::SnapshotBundle writer(*opened_.reader, *opened_.snapshot, place_, cli_.stop(), cli_.context().progress,
                                       cli_.Findings());
        using Layout = exports::SnapshotBundle::Layout;
        ASSIGN_OR_RETURN(const auto written, writer.Write(*bundle, is_plain ? Layout::kPlain : Layout::kByItems));
        report_.files = written.files;
        report_.left_out = written.left_out;
        report_.what = fmt::format("{} entries, {}", HumanCount(written.files), HumanBytes(written.bytes));
        return {};
      },
      {});
}

// --- PostgreSQL ---

void ExportRun::SayTables(uint64_t tables, uint64_t rows) {
  report_.tables = tables;
  report_.rows = rows;
  report_.what = fmt::format("{} tables, {} rows", HumanCount(tables), HumanCount(rows));
}

Result<void> ExportRun::PostgresCustom() {
  DumpReader dump(*opened_.reader, item_->root, cli_.stop());
  ASSIGN_OR_RETURN(const PgdumpPlan plan,
                   PgdumpPlan::Make(dump, opened_.snapshot->inner.start, opened_.snapshot->inner.offset_minutes));
  cli_.context().progress.bytes_total = BytesOf(dump, plan);
  return ToStream(
      [&](Stream& stream) -> Result<void> {
        PgdumpWriter::Patch patch;
        if (OutputFile* const file = stream.plain_file(); file != nullptr) {
          patch = [file](uint64_t offset, ByteSpan bytes) { return file->Patch(offset, bytes); };
        }
        ASSIGN_OR_RETURN(
            const PgdumpReport written,
            PgdumpWriter(dump, plan, options_.level, cli_.context().progress).WriteCustom(stream.sink(), patch));
        SayTables(written.tables, written.rows);
        return {};
      },
      [&](OutputFile& file) { return ReadByPgRestore(plan.description, "custom", file.name()); });
}

// Nothing but pg_restore says that pg_restore reads it.
Result<void> ExportRun::ReadByPgRestore(const postgres::DatabaseDescription& description, const std::string& form,
                                        const std::string& path) {
  const stream::Waiter waiter(cli_.stop());
  auto program = postgres::FindClientProgram("pg_restore", description.dumped_by, waiter);
  if (!program) {
    if (program.error().code() != ErrorCode::kNotFound) return std::move(program).error();
    report_.notes.push_back("it was not read by pg_restore: " + program.error().message());
    return {};
  }
  cli_.context().progress.SetPhase("pg_restore reads it");
  stream::ChildOptions options;
  options.environment = {{"LC_ALL", "C"}};
  options.keeps_errors = true;
  ASSIGN_OR_RETURN(
      const auto child,
      stream::ChildProcess::Start({program->path, "--format=" + form, "--file=/dev/null", path}, waiter, options));
  Bytes ignored(4096);
  for (size_t got = 1; got > 0;) {
    ASSIGN_OR_RETURN(got, child->Read(ignored));
  }
  return child->Wait().While("what was made cannot be read");
}

Result<void> ExportRun::PostgresDirectory() {
  DumpReader dump(*opened_.reader, item_->root, cli_.stop());
  ASSIGN_OR_RETURN(const PgdumpPlan plan,
                   PgdumpPlan::Make(dump, opened_.snapshot->inner.start, opened_.snapshot->inner.offset_minutes));
  cli_.context().progress.bytes_total = BytesOf(dump, plan);
  cli_.context().progress.SetPhase("exporting");
  FileOfFolder::Made made;
  const auto new_file = [&](const std::string& name) -> Result<std::unique_ptr<ByteSink>> {
    ASSIGN_OR_RETURN(auto file, target_.NewFileOfFolder(name));
    return std::make_unique<FileOfFolder>(name, std::move(file), made);
  };
  ASSIGN_OR_RETURN(const PgdumpReport written,
                   PgdumpWriter(dump, plan, options_.level, cli_.context().progress).WriteDirectory(new_file));
  SayTables(written.tables, written.rows);
  for (const auto& file : made) report_.bytes += file.bytes;
  if (options_.verifies) RETURN_IF_ERROR(ReadByPgRestore(plan.description, "directory", target_.folder()));
  return target_.PlaceFolder(cli_, std::move(made));
}

// pg_restore makes SQL of the custom form as that is written, so that nothing lies on a disk meanwhile.
Result<void> ExportRun::PostgresSql() {
  DumpReader dump(*opened_.reader, item_->root, cli_.stop());
  ASSIGN_OR_RETURN(const PgdumpPlan plan,
                   PgdumpPlan::Make(dump, opened_.snapshot->inner.start, opened_.snapshot->inner.offset_minutes));
  cli_.context().progress.bytes_total = BytesOf(dump, plan);
  return ToStream(
      [&](Stream& stream) -> Result<void> {
        const auto program = postgres::FindClientProgram("pg_restore", plan.description.dumped_by, stream.waiter());
        if (!program && program.error().code() == ErrorCode::kNotFound) {
          return Error(ErrorCode::kNotFound, program.error().message() + "; --format custom needs none");
        }
        RETURN_IF_ERROR(program);
        ASSIGN_OR_RETURN(const auto sql, exports::ProgramSink::Start({program->path, "--format=custom", "--file=-"},
                                                                     stream.sink(), stream.waiter(), cli_.stop()));
        ASSIGN_OR_RETURN(const PgdumpReport written,
                         PgdumpWriter(dump, plan, 0, cli_.context().progress).WriteCustom(*sql, {}));
        RETURN_IF_ERROR(sql->Finish());
        if (sql->tail().find(kSqlEnd) == std::string::npos) {
          return MakeError(ErrorCode::kIo, "{} ended well, and what it wrote has no end", program->path);
        }
        SayTables(written.tables, written.rows);
        return {};
      },
      {});
}

// --- SQLite ---

Result<std::unique_ptr<OutputFile>> ExportRun::FetchDatabase() {
  std::optional<Node> database;
  RETURN_IF_ERROR(ForEachNode(*opened_.reader, item_->root, [&](const Node& node) -> Result<void> {
    if (node.type == NodeType::kFile) database = node;
    return {};
  }));
  if (!database) return MakeError(ErrorCode::kNotFound, "the item {} has no database", item_->name);
  cli_.context().progress.SetPhase("exporting");
  cli_.context().progress.bytes_total = database->size;
  ASSIGN_OR_RETURN(auto file, target_.NewFile("database"));
  RETURN_IF_ERROR(exports::StreamContent(*opened_.reader, *database, cli_.stop(), [&](ByteSpan bytes) {
                    cli_.context().progress.bytes_done += bytes.size();
                    return file->Write(bytes);
                  }).While(PathForPeople(database->name)));
  RETURN_IF_ERROR(file->Finish());
  return file;
}

Result<void> ExportRun::CheckSqlite(OutputFile& file) {
  cli_.context().progress.SetPhase("SQLite checks it");
  ASSIGN_OR_RETURN(const DatabaseCheck check, CheckDatabase(file.name(), SystemClock(), cli_.stop()));
  for (const std::string& note : check.notes) report_.notes.push_back(note);
  if (check.damage.empty()) return {};
  return Corrupt("SQLite's integrity_check says: {} (--no-verify exports it as it is)", check.damage.front());
}

Result<void> ExportRun::Sqlite() {
  const bool is_sql = options_.format == ExportFormat::kSql;
  if (!is_sql) RETURN_IF_ERROR(target_.RefuseJournals());
  ASSIGN_OR_RETURN(const auto database, FetchDatabase());
  // Opened as it is, it would get a log beside it; for the while it says that it has none.
  ASSIGN_OR_RETURN(const Bytes mode, database->Read(kJournalModeAt, 2));
  const Bytes with_log = {2, 2}, without_log = {1, 1};
  const bool has_log = Equal(mode, with_log);
  if (has_log) RETURN_IF_ERROR(database->Patch(kJournalModeAt, without_log));
  if (options_.verifies) RETURN_IF_ERROR(CheckSqlite(*database));
  if (!is_sql && has_log) RETURN_IF_ERROR(database->Patch(kJournalModeAt, with_log));
  if (!is_sql && !target_.is_stdout() && !options_.encryption) {
    report_.bytes = database->bytes();
    report_.what = options_.verifies ? "SQLite finds it whole" : "not checked";
    ASSIGN_OR_RETURN(report_.sha256, target_.PlaceFile(cli_, *database));
    return {};
  }
  return ToStream(
      [&](Stream& stream) -> Result<void> {
        if (is_sql) {
          ASSIGN_OR_RETURN(const auto dumped, DumpSql(database->name(), SystemClock(), cli_.stop(),
                                                      [&](ByteSpan text) { return stream.sink().Write(text); }));
          SayTables(dumped.tables, dumped.rows);
          return {};
        }
        report_.what = options_.verifies ? "SQLite finds it whole" : "not checked";
        for (uint64_t at = 0; at < database->bytes();) {
          if (cli_.stop().stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
          ASSIGN_OR_RETURN(const Bytes part, database->Read(at, kMiB));
          if (part.empty()) return Error(ErrorCode::kIo, "the database was cut short while it was read again");
          RETURN_IF_ERROR(stream.sink().Write(part));
          at += part.size();
        }
        return {};
      },
      {});
}

}  // namespace cairn
