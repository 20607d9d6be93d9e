#include "frontends/cli/snapshot_tables.h"

#include <algorithm>
#include <map>

#include "engine/tree/directory_reader.h"
#include "engine/tree/file_view.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/cli/cell_text.h"
#include "frontends/cli/queried_place.h"
#include "frontends/postgres/copy_text.h"
#include "frontends/postgres/dump_reader.h"
#include "frontends/query/query_database.h"
#include "repo-format/base/units.h"
#include "repo-format/tree_path.h"

namespace cairn {

using browse::RowPage;
using browse::RowRange;
using browse::ShownDatabase;
using browse::TableRow;
using postgres::NoRows;
using query::Cell;
namespace {

constexpr uint64_t kCountedBytesMax = 16 * kMiB;  // of a database whose rows are counted

std::string_view WhyNoRows(const postgres::TableDescription& table) {
  switch (table.no_rows) {
    case NoRows::kHasRows:
      return table.file.empty() ? "not in this dump" : "";
    case NoRows::kPartitioned:
      return "partitioned";
    case NoRows::kForeign:
      return "foreign";
    case NoRows::kMaterialized:
      return "materialized view";
    case NoRows::kUnloggedOnStandby:
      return "unlogged, no rows";
    case NoRows::kNotChosen:
      return "not in this dump";
  }
  return "";
}

// As a name in SQL.
std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

// Ends what gives rows when there are enough of them.
Error Enough() { return Error(ErrorCode::kAlreadyExists, "there are enough"); }

// Rows of a page as they come.
class PageSink final : public query::RowSink {
 public:
  explicit PageSink(uint64_t count) : count_(count) {}
  Result<void> Begin(const std::vector<std::string>& columns) override {
    page_.columns = columns;
    return {};
  }
  Result<void> Row(std::span<const Cell> cells) override {
    if (page_.rows.size() == count_ || bytes_ > SnapshotTables::kPageBytesMax) return Enough();
    std::vector<std::string> texts;
    for (const Cell& cell : cells) {
      texts.push_back(ShortCellText(cell, SnapshotTables::kCellBytesMax));
      bytes_ += sizeof(Cell) + cell.bytes.size();
    }
    page_.rows.push_back(std::move(texts));
    return {};
  }
  Result<void> End() override {
    page_.is_end = true;
    return {};
  }
  // `ran`: what gave the rows said at its end.
  Result<RowPage> Finish(const Result<void>& ran) && {
    if (!ran && ran.error().code() != ErrorCode::kAlreadyExists) return ran.error();
    return std::move(page_);
  }

 private:
  const uint64_t count_;
  RowPage page_;
  uint64_t bytes_ = 0;
};

// Pairs of a text and a number; the number alone has no text.
class NumberSink final : public query::RowSink {
 public:
  Result<void> Begin(const std::vector<std::string>&) override { return {}; }
  Result<void> Row(std::span<const Cell> cells) override {
    if (cells.back().kind != Cell::Kind::kInteger) return {};
    numbers[cells.size() > 1 ? ToString(cells.front().bytes) : ""] = static_cast<uint64_t>(cells.back().integer);
    return {};
  }
  Result<void> End() override { return {}; }
  std::map<std::string, uint64_t> numbers;
};

// What cannot be counted (a module that is not here, a library that tells no sizes) is left out.
Result<void> AddNumbers(query::QueryDatabase& database, std::vector<TableRow>& tables) {
  NumberSink sizes;
  const auto sized = database.Run(
      "SELECT s.tbl_name, sum(d.pgsize) FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name WHERE d.aggregate "
      "= 1 GROUP BY 1",
      sizes);
  if (!sized && sized.error().code() == ErrorCode::kInterrupted) return sized;
  for (TableRow& one : tables) {
    if (const auto found = sizes.numbers.find(one.name); found != sizes.numbers.end()) one.bytes = found->second;
    if (!one.note.empty()) continue;
    NumberSink rows;
    RETURN_IF_ERROR(database.Run("SELECT count(*) FROM " + Quoted(one.name), rows));
    one.rows = rows.numbers[""];
  }
  return {};
}

Result<std::vector<TableRow>> PostgresTables(BlobSource& blobs, const SnapshotItem& item, const std::stop_token& stop) {
  postgres::DumpReader dump(blobs, item.root, stop);
  ASSIGN_OR_RETURN(const postgres::DatabaseDescription database, dump.Description());
  std::vector<TableRow> tables;
  for (const postgres::TableDescription& table : database.tables) {
    if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "left");
    TableRow row{.name = table.name.ForPeople(), .rows = table.rows, .note = std::string(WhyNoRows(table))};
    row.is_restorable = row.note.empty() || table.no_rows == NoRows::kPartitioned;
    if (row.note.empty() && table.is_unlogged) row.note = "unlogged";
    if (!table.file.empty()) {
      const auto size = dump.Size(table.file);
      if (size) row.bytes = *size;
      if (!size) row.note = size.error().code() == ErrorCode::kCorrupt ? "damaged" : "unreadable";
    }
    tables.push_back(std::move(row));
  }
  return tables;
}

Result<RowPage> PostgresRows(BlobSource& blobs, const SnapshotItem& item, const std::string& name,
                             const RowRange& range, const std::stop_token& stop) {
  postgres::DumpReader dump(blobs, item.root, stop);
  ASSIGN_OR_RETURN(const postgres::DatabaseDescription database, dump.Description());
  const auto table =
      std::ranges::find_if(database.tables, [&](const auto& one) { return one.name.ForPeople() == name; });
  if (table == database.tables.end()) return MakeError(ErrorCode::kNotFound, "the dump has no table {}", name);
  if (table->file.empty()) {
    return MakeError(ErrorCode::kUnsupported, "the dump has no rows of it ({})", WhyNoRows(*table));
  }
  std::vector<std::string> columns;
  for (const postgres::Column& column : table->columns) {
    if (!column.generated) columns.push_back(column.name);
  }
  PageSink page(range.count);
  RETURN_IF_ERROR(page.Begin(columns));
  uint64_t passed = 0;
  std::vector<Cell> cells;
  postgres::CopyRows rows(columns.size(), [&](std::span<const std::optional<std::string>> values) -> Result<void> {
    if (passed++ < range.skip) return {};
    cells.clear();
    for (const auto& value : values) {
      cells.push_back(value ? Cell{.kind = Cell::Kind::kText, .bytes = AsBytes(*value)} : Cell{});
    }
    return page.Row(cells);
  });
  auto ran = dump.Stream(table->file, [&](ByteSpan bytes) { return rows.Take(bytes); });
  if (ran) ran = rows.End();
  if (ran) ran = page.End();
  return std::move(page).Finish(ran);
}

// The only file of the item, by its name.
Result<Node> FileOf(BlobSource& blobs, const SnapshotItem& item) {
  DirectoryCursor cursor(blobs, item.root);
  for (;;) {
    ASSIGN_OR_RETURN(const Node* node, cursor.Next());
    if (node == nullptr) return Corrupt("item {} has no database", PathForPeople(AsBytes(item.name)));
    if (node->type == NodeType::kFile && node->content) return *node;
  }
}

}  // namespace

struct SnapshotTables::Sqlite {
  uint64_t bytes = 0;
  std::unique_ptr<Executor> ahead;  // ends after who reads
  std::unique_ptr<query::QueryDatabase> database;
};

Result<Node> SnapshotTables::FindFile(const ShownDatabase& database, const Tell& tell) const {
  if (database.file.empty()) return FileOf(blobs_, database.item());
  ASSIGN_OR_RETURN(SnapshotPlace place, FindInSnapshot(blobs_, *database.snapshot, database.file));
  if (!place.node.content) return Error(ErrorCode::kInvalidArgument, "it is no file");
  RETURN_IF_ERROR(LookAtJournals(blobs_, place, tell));
  return std::move(place.node);
}

Result<SnapshotTables::Sqlite> SnapshotTables::OpenSqlite(const ShownDatabase& database, const Tell& tell,
                                                          const std::stop_token& stop) const {
  ASSIGN_OR_RETURN(Node file, FindFile(database, tell));
  Sqlite opened{.bytes = file.size,
                .ahead = MakeThreadPool(is_far_ ? context_.limits.gets : context_.executor.workers()),
                .database = nullptr};
  const query::QueryOptions options{
      .name = ToString(file.name), .memory_bytes = context_.limits.memory_bytes / 8, .stop = stop, .tell = {}};
  const auto view = std::make_shared<const BlobFileView>(blobs_, std::make_shared<const Node>(std::move(file)));
  ASSIGN_OR_RETURN(opened.database, query::OpenSqliteDatabase(view, *opened.ahead, options));
  return opened;
}

Result<std::vector<TableRow>> SnapshotTables::List(const ShownDatabase& database, const std::stop_token& stop) const {
  const SnapshotItem& one = database.item();
  if (one.kind == ItemKind::kPostgres && database.file.empty()) return PostgresTables(blobs_, one, stop);
  if (one.kind != ItemKind::kSqlite && database.file.empty())
    return Error(ErrorCode::kUnsupported, "it is no database");
  ASSIGN_OR_RETURN(const Sqlite opened, OpenSqlite(database, tell_, stop));
  ASSIGN_OR_RETURN(const auto found, opened.database->Tables());
  std::vector<TableRow> tables;
  for (const query::TableInfo& table : found) {
    tables.push_back({.name = table.name,
                      .note = table.kind == "table" ? "" : table.kind,
                      .is_restorable = table.kind != "view" && database.file.empty()});
  }
  if (opened.bytes <= kCountedBytesMax) RETURN_IF_ERROR(AddNumbers(*opened.database, tables));
  return tables;
}

Result<RowPage> SnapshotTables::Rows(const ShownDatabase& database, const std::string& table, const RowRange& range,
                                     const std::stop_token& stop) const {
  const SnapshotItem& one = database.item();
  if (one.kind == ItemKind::kPostgres && database.file.empty()) return PostgresRows(blobs_, one, table, range, stop);
  if (one.kind != ItemKind::kSqlite && database.file.empty())
    return Error(ErrorCode::kUnsupported, "it is no database");
  ASSIGN_OR_RETURN(const Sqlite opened, OpenSqlite(database, [](const std::string&) {}, stop));
  PageSink page(range.count);
  const auto ran =
      opened.database->Run(fmt::format("SELECT * FROM {} LIMIT -1 OFFSET {}", Quoted(table), range.skip), page);
  return std::move(page).Finish(ran);
}

}  // namespace cairn
