#include "frontends/view/database_files.h"

#include <algorithm>
#include <atomic>

#include "engine/tree/directory_reader.h"
#include "frontends/postgres/client_program.h"
#include "frontends/postgres/definition_script.h"
#include "frontends/postgres/dump_reader.h"
#include "frontends/postgres/load_script.h"
#include "frontends/view/joined_view.h"
#include "repo-format/base/units.h"

namespace cairn::view {
namespace {

using postgres::TableDescription;

constexpr const char* kSchema = "schema.sql";
constexpr const char* kPreData = "pre-data.sql";
constexpr const char* kPostData = "post-data.sql";
constexpr const char* kSequences = "sequences.sql";
constexpr const char* kTables = "tables";
constexpr const char* kCsv = "csv";
constexpr size_t kDumpsMax = 2, kMadeMax = 512;
constexpr uint64_t kMadeBytesMax = 64 * kMiB;

constexpr const char* kSettings = R"(SET client_encoding = '{}';
SET standard_conforming_strings = on;
SET DateStyle = 'ISO';
SET IntervalStyle = 'postgres';
SET TimeZone = 'UTC';
SET lc_monetary = 'C';
SET xmloption = 'content';
SET row_security = off;
)";

std::string NameOf(const TableDescription& table) {
  std::string schema;
  for (const char c : postgres::FileNameOf(table.name.schema))
    schema += c == '.' ? std::string("%2E") : std::string(1, c);
  return schema + "." + postgres::FileNameOf(table.name.name);
}

std::shared_ptr<const FileView> TextFile(std::string text) {
  return std::make_shared<const JoinedView>(std::move(text), nullptr, "");
}

}  // namespace

struct DatabaseFiles::Dump {
  postgres::DatabaseDescription description;
  std::map<std::string, const TableDescription*> tables;  // by the name of their files, without its end; with rows
  bool has_schema = false;                                // and what makes SQL of it
};

struct DatabaseFiles::Made {
  bool is_made = false, is_being_made = false;  // guarded by the files' mutex_
  std::atomic<uint64_t> bytes = 0;
  // One of these, once it is made.
  std::shared_ptr<const CsvPlan> plan;
  std::shared_ptr<const FileView> text;
};

DatabaseFiles::DatabaseFiles(BlobSource& blobs, std::stop_token stop) : blobs_(blobs), stop_(std::move(stop)) {}
DatabaseFiles::~DatabaseFiles() = default;

bool DatabaseFiles::HasProgram(int major) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = has_program_.find(major); known != has_program_.end()) return known->second;
  }
  const stream::Waiter waiter(stop_);
  const bool is_there = postgres::FindClientProgram("pg_restore", major, waiter).has_value();
  const std::lock_guard lock(mutex_);
  return has_program_.emplace(major, is_there).first->second;
}

Result<std::shared_ptr<const DatabaseFiles::Dump>> DatabaseFiles::DumpOf(const BlobId& root) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = std::ranges::find(dumps_, root, [](const auto& one) { return one.first; });
    if (known != dumps_.end()) {
      dumps_.splice(dumps_.begin(), dumps_, known);
      return known->second;
    }
  }
  auto dump = std::make_shared<Dump>();
  ASSIGN_OR_RETURN(dump->description, postgres::DumpReader(blobs_, root, stop_).Description());
  for (const TableDescription& table : dump->description.tables) {
    if (!table.file.empty()) dump->tables.emplace(NameOf(table), &table);
  }
  dump->has_schema = dump->description.has_schema && HasProgram(dump->description.dumped_by);
  const std::lock_guard lock(mutex_);
  dumps_.emplace_front(root, dump);
  if (dumps_.size() > kDumpsMax) dumps_.pop_back();
  return std::shared_ptr<const Dump>(std::move(dump));
}

Result<std::vector<DatabaseFiles::Entry>> DatabaseFiles::List(const BlobId& root, const std::string& folder) {
  ASSIGN_OR_RETURN(const auto dump, DumpOf(root));
  std::vector<Entry> entries;
  if (folder.empty()) {
    const bool has_rows = !dump->tables.empty();
    if (has_rows) entries.push_back({kCsv, true, false});
    if (dump->has_schema) {
      for (const char* const name : {kPostData, kPreData, kSchema}) entries.push_back({name, false, true});
    }
    if (!dump->description.sequences.empty()) entries.push_back({kSequences, false, false});
    if (has_rows) entries.push_back({kTables, true, false});
    return entries;
  }
  for (const auto& [name, table] : dump->tables) {
    entries.push_back(folder == kCsv ? Entry{name + ".csv", false, true} : Entry{name + ".sql", false, false});
  }
  return entries;
}

Result<std::optional<DatabaseFiles::Entry>> DatabaseFiles::Find(const BlobId& root, const std::string& folder,
                                                                std::string_view name) {
  ASSIGN_OR_RETURN(const auto dump, DumpOf(root));
  if (folder.empty()) {
    ASSIGN_OR_RETURN(const auto entries, List(root, folder));
    const auto found = std::ranges::find(entries, name, &Entry::name);
    return found == entries.end() ? std::nullopt : std::optional(*found);
  }
  const std::string_view end = folder == kCsv ? ".csv" : ".sql";
  if (!name.ends_with(end)) return std::optional<Entry>();
  const std::string table(name.substr(0, name.size() - end.size()));
  if (!dump->tables.contains(table)) return std::optional<Entry>();
  return std::optional<Entry>({std::string(name), false, folder == kCsv});
}

Result<std::shared_ptr<const FileView>> DatabaseFiles::Open(const BlobId& root, const std::string& name) {
  ASSIGN_OR_RETURN(const auto dump, DumpOf(root));
  const std::string& encoding = dump->description.text_encoding;
  if (name == kSchema || name == kPreData || name == kPostData) return Definitions(root, *dump, name);
  if (name == kSequences) {
    std::string text;
    for (const auto& one : dump->description.sequences) text += postgres::SequenceStatement(one) + ";\n";
    return TextFile(fmt::format(fmt::runtime(kSettings), encoding) + text);
  }
  const auto found = dump->tables.find(name.substr(0, name.rfind('.')));
  if (found == dump->tables.end()) return MakeError(ErrorCode::kNotFound, "the dump has no file {}", name);
  const TableDescription& table = *found->second;
  if (name.ends_with(".csv")) return Csv(root, table);
  ASSIGN_OR_RETURN(auto rows, Rows(root, table));
  return std::make_shared<const JoinedView>(
      fmt::format(fmt::runtime(kSettings), encoding) + postgres::CopyInStatement(table) + ";\n", std::move(rows),
      "\\.\n");
}

Result<std::shared_ptr<const FileView>> DatabaseFiles::Rows(const BlobId& root, const TableDescription& table) const {
  ASSIGN_OR_RETURN(auto node, FindPath(blobs_, root, AsBytes(table.file)));
  if (!node || !node->content) return Corrupt("the dump has no file {}", table.file);
  return std::make_shared<const BlobFileView>(blobs_, std::make_shared<const Node>(*std::move(node)));
}

// What was made, or is being made; of the oldest goes what is too much.
std::shared_ptr<DatabaseFiles::Made> DatabaseFiles::MadeOf(const BlobId& root, const std::string& file) {
  const std::pair key(root, file);
  const std::lock_guard lock(mutex_);
  const auto known = std::ranges::find(made_, key, [](const auto& one) { return one.first; });
  if (known != made_.end()) {
    made_.splice(made_.begin(), made_, known);
    return known->second;
  }
  made_.emplace_front(key, std::make_shared<Made>());
  uint64_t bytes = 0;
  for (const auto& one : made_) bytes += one.second->bytes;
  while (made_.size() > 1 && (made_.size() > kMadeMax || bytes > kMadeBytesMax)) {
    bytes -= made_.back().second->bytes;
    made_.pop_back();
  }
  return made_.front().second;
}

Result<void> DatabaseFiles::MakeOnce(Made& made, const std::function<Result<void>()>& make) {
  std::unique_lock lock(mutex_);
  made_one_.wait(lock, [&] { return !made.is_being_made; });
  if (made.is_made) return {};
  made.is_being_made = true;
  lock.unlock();
  auto done = make();
  lock.lock();
  made.is_being_made = false;
  made.is_made = done.has_value();
  made_one_.notify_all();
  return done;
}

Result<std::shared_ptr<const FileView>> DatabaseFiles::Definitions(const BlobId& root, const Dump& dump,
                                                                   const std::string& name) {
  const auto made = MadeOf(root, name);
  RETURN_IF_ERROR(MakeOnce(*made, [&]() -> Result<void> {
    const stream::Waiter waiter(stop_);
    ASSIGN_OR_RETURN(const auto program, postgres::FindClientProgram("pg_restore", dump.description.dumped_by, waiter));
    ASSIGN_OR_RETURN(const Bytes archive, postgres::DumpReader(blobs_, root, stop_).Read(postgres::kSchemaFile));
    ASSIGN_OR_RETURN(const auto file, postgres::TextInMemory(archive, "definitions"));
    std::string text;
    for (const char* section : {"pre-data", "post-data"}) {
      if (name != kSchema && name != std::string(section) + ".sql") continue;
      ASSIGN_OR_RETURN(const std::string part,
                       postgres::DefinitionScript(file, {.pg_restore = program, .section = section}, waiter));
      text += part;
    }
    made->bytes = text.size();
    made->text = TextFile(std::move(text));
    return {};
  }));
  return made->text;
}

Result<std::shared_ptr<const FileView>> DatabaseFiles::Csv(const BlobId& root, const TableDescription& table) {
  ASSIGN_OR_RETURN(auto rows, Rows(root, table));
  const auto made = MadeOf(root, table.file);
  RETURN_IF_ERROR(MakeOnce(*made, [&]() -> Result<void> {
    std::vector<std::string> columns;
    for (const postgres::Column& column : table.columns) {
      if (!column.generated) columns.push_back(column.name);
    }
    ASSIGN_OR_RETURN(made->plan, CsvPlan::Make(*rows, columns, stop_).While(table.file));
    made->bytes = made->plan->marks.size() * sizeof(CsvPlan::Mark);
    return {};
  }));
  return std::make_shared<const CsvView>(std::move(rows), made->plan);
}

}  // namespace cairn::view
