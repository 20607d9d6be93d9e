#include "frontends/compare/postgres_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "frontends/postgres/copy_text.h"
#include "frontends/postgres/load_script.h"
#include "frontends/postgres/unique_keys.h"

namespace cairn::compare {
namespace {

using postgres::NoRows;
using postgres::TableDescription;
using postgres::TableName;
using query::Cell;

constexpr size_t kReadBytes = 256 * kKiB;

const char* WhyNoRows(const TableDescription& table) {
  switch (table.no_rows) {
    case NoRows::kHasRows:
      return table.file.empty() ? "its rows were not backed up" : "";
    case NoRows::kPartitioned:
      return "it is partitioned: its rows are in its partitions";
    case NoRows::kForeign:
      return "it is a foreign table, whose rows are elsewhere";
    case NoRows::kMaterialized:
      return "it is a materialized view, whose rows are not backed up";
    case NoRows::kUnloggedOnStandby:
      return "it is unlogged, and a standby has no rows of it";
    case NoRows::kNotChosen:
      return "its rows were not backed up";
  }
  return "";
}

// Columns that rows have, in their order.
std::vector<std::string> ColumnsOf(const TableDescription& table) {
  std::vector<std::string> names;
  for (const postgres::Column& column : table.columns) {
    if (!column.generated) names.push_back(column.name);
  }
  return names;
}

bool IsNotNull(const TableDescription& table, const std::string& name) {
  const auto found = std::ranges::find(table.columns, name, &postgres::Column::name);
  return found != table.columns.end() && found->not_null;
}

TableShape ShapeOf(const TableDescription& table, const postgres::UniqueKeys& unique) {
  TableShape shape{.schema = table.name.schema, .base = table.name.name, .name = table.name.ForPeople()};
  for (const postgres::Column& column : table.columns) {
    shape.columns.push_back({column.name, column.type, column.generated});
  }
  if (!table.key.empty()) shape.keys.push_back(table.key);
  const auto found = unique.find(table.name);
  for (const auto& key : found == unique.end() ? std::vector<std::vector<std::string>>() : found->second) {
    if (std::ranges::all_of(key, [&](const std::string& name) { return IsNotNull(table, name); })) {
      shape.keys.push_back(key);
    }
  }
  shape.no_rows = WhyNoRows(table);
  shape.are_elsewhere = table.no_rows == NoRows::kPartitioned;
  shape.rows = table.rows;
  shape.definition = table.ColumnList();
  return shape;
}

// Rows as COPY writes them, of which some columns are wanted.
class CopiedRows {
 public:
  CopiedRows(const TableDescription& table, const std::vector<std::string>& columns, const RowsSide::Each& each)
      : each_(each),
        cells_(columns.size()),
        rows_(ColumnsOf(table).size(), [this](std::span<const std::optional<std::string>> row) { return Row(row); }) {
    const auto all = ColumnsOf(table);
    for (const std::string& column : columns) {
      places_.push_back(static_cast<size_t>(std::ranges::find(all, column) - all.begin()));
    }
  }

  Result<void> Take(ByteSpan bytes) { return rows_.Take(bytes); }
  Result<void> End() { return rows_.End(); }
  uint64_t rows() const { return rows_.rows(); }
  // Take gave an Error, for no more rows are wanted.
  bool is_enough() const { return is_enough_; }

 private:
  Result<void> Row(std::span<const std::optional<std::string>> row) {
    for (size_t i = 0; i < cells_.size(); ++i) {
      const auto& value = row[places_[i]];
      cells_[i].kind = value ? Cell::Kind::kText : Cell::Kind::kNull;
      cells_[i].bytes = value ? AsBytes(*value) : ByteSpan();
    }
    ASSIGN_OR_RETURN(const bool goes_on, each_(cells_));
    if (goes_on) return {};
    is_enough_ = true;
    return Error(ErrorCode::kInterrupted, "no more rows are wanted");
  }

  const RowsSide::Each& each_;
  std::vector<size_t> places_;
  std::vector<Cell> cells_;
  postgres::CopyRows rows_;
  bool is_enough_ = false;
};

class DumpRows final : public RowsSide {
 public:
  explicit DumpRows(postgres::DumpReader& dump) : dump_(dump) {}

  Result<std::vector<TableShape>> Tables() override {
    ASSIGN_OR_RETURN(const auto description, dump_.Description());
    postgres::UniqueKeys unique;
    const auto is_without = [](const TableDescription& table) { return !table.file.empty() && table.key.empty(); };
    if (description.has_schema && std::ranges::any_of(description.tables, is_without)) {
      ASSIGN_OR_RETURN(const Bytes text, dump_.Read(postgres::kSchemaFile));
      const auto definitions = postgres::Definitions::Parse(text);
      // Of another pg_dump's: then rows without a primary key are compared as a whole.
      if (definitions) unique = postgres::FindUniqueKeys(*definitions);
    }
    std::vector<TableShape> shapes;
    for (const TableDescription& table : description.tables) {
      shapes.push_back(ShapeOf(table, unique));
      tables_.emplace(table.name, table);
    }
    std::ranges::sort(shapes, {}, [](const TableShape& shape) { return std::tie(shape.schema, shape.base); });
    return shapes;
  }

  Result<uint64_t> Count(const TableShape& table) override {
    if (table.rows) return *table.rows;
    uint64_t count = 0;
    RETURN_IF_ERROR(Read(table, {}, {}, [&](auto) -> Result<bool> {
      ++count;
      return true;
    }));
    return count;
  }

  Result<void> Read(const TableShape& table, const std::vector<std::string>& columns, const TablePart&,
                    const Each& each) override {
    const TableDescription& described = tables_.at({table.schema, table.base});
    CopiedRows rows(described, columns, each);
    auto read = dump_.Stream(described.file, [&](ByteSpan bytes) { return rows.Take(bytes); });
    if (rows.is_enough()) return {};
    RETURN_IF_ERROR(read);
    RETURN_IF_ERROR(rows.End().While(described.file));
    if (described.rows && rows.rows() != *described.rows) {
      return Corrupt("{} has {} rows, expected {}", described.file, rows.rows(), *described.rows);
    }
    return {};
  }

 private:
  postgres::DumpReader& dump_;
  std::map<TableName, TableDescription> tables_;
};

class LiveRows final : public RowsSide {
 public:
  explicit LiveRows(postgres::SharedSnapshot& snapshot) : snapshot_(snapshot) {}

  Result<std::vector<TableShape>> Tables() override {
    ASSIGN_OR_RETURN(auto leader, snapshot_.BorrowLeader());
    ASSIGN_OR_RETURN(const auto unique, postgres::ReadUniqueKeys(*leader));
    std::vector<TableShape> shapes;
    for (const postgres::TableListing& listed : snapshot_.tables()) {
      TableDescription table = listed.table;
      table.file = "live";  // it has rows, where nothing else is said
      shapes.push_back(ShapeOf(table, unique));
      tables_.emplace(table.name, &listed);
    }
    std::ranges::sort(shapes, {}, [](const TableShape& shape) { return std::tie(shape.schema, shape.base); });
    return shapes;
  }

  Result<uint64_t> Count(const TableShape& table) override {
    const postgres::TableListing& listed = *tables_.at({table.schema, table.base});
    ASSIGN_OR_RETURN(auto session, snapshot_.BorrowFor(listed));
    const std::string where = listed.table.condition ? " " + *listed.table.condition : "";
    ASSIGN_OR_RETURN(const auto rows,
                     session->Query("SELECT pg_catalog.count(*) FROM ONLY " + listed.table.name.Quoted() + where));
    RETURN_IF_ERROR(postgres::SharedSnapshot::NeedSame(*session, listed));
    return static_cast<uint64_t>(rows.Number(0, 0));
  }

  // A session reads its COPY to the end, so that it is good for another.
  Result<void> Read(const TableShape& table, const std::vector<std::string>& columns, const TablePart&,
                    const Each& each) override {
    const postgres::TableListing& listed = *tables_.at({table.schema, table.base});
    CopiedRows rows(listed.table, columns, each);
    ASSIGN_OR_RETURN(auto session, snapshot_.BorrowFor(listed));
    RETURN_IF_ERROR(session->BeginCopyOut(postgres::CopyOutStatement(listed.table)).While(table.name));
    Bytes buffer(kReadBytes);
    for (;;) {
      ASSIGN_OR_RETURN(const size_t got, session->ReadCopy(buffer));
      if (got == 0) break;
      if (rows.is_enough()) continue;
      auto taken = rows.Take(ByteSpan(buffer).first(got));
      if (!taken && !rows.is_enough()) return taken;
    }
    RETURN_IF_ERROR(postgres::SharedSnapshot::NeedSame(*session, listed));
    return rows.is_enough() ? Result<void>() : rows.End();
  }

 private:
  postgres::SharedSnapshot& snapshot_;
  std::map<TableName, const postgres::TableListing*> tables_;
};

// Where rows of a table lie in a dump.
class DumpedFiles {
 public:
  explicit DumpedFiles(postgres::DumpReader& dump) : dump_(dump) {}
  Result<Content> Of(const TableShape& table) {
    if (files_.empty()) {
      ASSIGN_OR_RETURN(const auto description, dump_.Description());
      for (const TableDescription& one : description.tables) files_[one.name] = one.file;
    }
    return dump_.BlobsOf(files_[{table.schema, table.base}]);
  }

 private:
  postgres::DumpReader& dump_;
  std::map<TableName, std::string> files_;
};

}  // namespace

std::unique_ptr<RowsSide> MakeDumpRows(postgres::DumpReader& dump) { return std::make_unique<DumpRows>(dump); }

std::unique_ptr<RowsSide> MakeLiveRows(postgres::SharedSnapshot& snapshot) {
  return std::make_unique<LiveRows>(snapshot);
}

std::function<Result<NarrowedTables>(const TableShape& before, const TableShape& after)> NarrowByStream(
    postgres::DumpReader& before, postgres::DumpReader& after) {
  const auto first = std::make_shared<DumpedFiles>(before), second = std::make_shared<DumpedFiles>(after);
  return [first, second](const TableShape& one, const TableShape& other) -> Result<NarrowedTables> {
    NarrowedTables narrowed;
    if (one.definition != other.definition) return narrowed;
    ASSIGN_OR_RETURN(const Content blobs_before, first->Of(one));
    ASSIGN_OR_RETURN(const Content blobs_after, second->Of(other));
    narrowed.is_same = blobs_before == blobs_after;
    return narrowed;
  };
}

}  // namespace cairn::compare
