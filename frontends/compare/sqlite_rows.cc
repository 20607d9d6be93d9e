#include "frontends/compare/sqlite_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace cairn::compare {
namespace {

using query::Cell;

std::string Quoted(std::string_view name) {
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string Folded(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return folded;
}

std::string TextOf(const Cell& cell) {
  if (cell.kind == Cell::Kind::kInteger) return std::to_string(cell.integer);
  return cell.kind == Cell::Kind::kNull ? "" : ToString(cell.bytes);
}

// Where rows of a query of ours go.
class EachRow final : public query::RowSink {
 public:
  explicit EachRow(const RowsSide::Each& each) : each_(each) {}
  Result<void> Begin(const std::vector<std::string>&) override { return {}; }
  Result<void> Row(std::span<const Cell> cells) override {
    ASSIGN_OR_RETURN(const bool goes_on, each_(cells));
    if (goes_on) return {};
    is_enough_ = true;
    return Error(ErrorCode::kInterrupted, "no more rows are wanted");
  }
  Result<void> End() override { return {}; }
  bool is_enough() const { return is_enough_; }

 private:
  const RowsSide::Each& each_;
  bool is_enough_ = false;
};

class SqliteRows final : public RowsSide {
 public:
  SqliteRows(query::QueryDatabase& database, std::string no_rows) : database_(database), no_rows_(std::move(no_rows)) {}

  Result<std::vector<TableShape>> Tables() override {
    std::map<std::string, std::string> definitions;
    RETURN_IF_ERROR(ForEach("SELECT name, sql FROM main.sqlite_schema WHERE type = 'table'",
                            [&](auto cells) { definitions[TextOf(cells[0])] = TextOf(cells[1]); }));
    std::vector<TableShape> tables;
    RETURN_IF_ERROR(ForEach("PRAGMA main.table_list", [&](auto cells) {
      constexpr size_t kSchema = 0, kName = 1, kType = 2;
      const std::string name = TextOf(cells[kName]), type = TextOf(cells[kType]);
      if (TextOf(cells[kSchema]) != "main" || type == "view" || Folded(name).starts_with("sqlite_")) return;
      TableShape table{.base = name, .name = name, .no_rows = no_rows_};
      if (type == "virtual") {
        table.no_rows = "it is virtual: what it keeps is in tables of its own";
        table.are_elsewhere = true;
      }
      table.definition = definitions[name];
      tables.push_back(std::move(table));
    }));
    for (TableShape& table : tables) {
      if (table.no_rows.empty() || table.no_rows == no_rows_) RETURN_IF_ERROR(Describe(table));
    }
    std::ranges::sort(tables, {}, &TableShape::base);
    return tables;
  }

  Result<uint64_t> Count(const TableShape& table) override {
    uint64_t count = 0;
    RETURN_IF_ERROR(ForEach("SELECT count(*) FROM main." + Quoted(table.base),
                            [&](auto cells) { count = static_cast<uint64_t>(cells[0].integer); }));
    return count;
  }

  Result<void> Read(const TableShape& table, const std::vector<std::string>& columns, const TablePart& part,
                    const Each& each) override {
    std::string names;
    for (const std::string& column : columns) names += (names.empty() ? "" : ", ") + Quoted(column);
    if (names.empty()) names = "NULL";  // of rows without a column that both sides have, how many
    const std::string query = "SELECT " + names + " FROM main." + Quoted(table.base) + " NOT INDEXED";
    if (!part) {
      RETURN_IF_ERROR(Run(query, each));
      return {};
    }
    const std::string rowid = RowidOf(table);
    for (const RowidRange& range : *part) {
      ASSIGN_OR_RETURN(const bool goes_on, Run(fmt::format("{} WHERE {} BETWEEN {} AND {}", query, rowid,
                                                           Literal(range.first), Literal(range.last)),
                                               each));
      if (!goes_on) return {};
    }
    return {};
  }

 private:
  // The least number has no literal: what follows the sign is beyond the largest.
  static std::string Literal(int64_t number) {
    return number == INT64_MIN ? "(-9223372036854775807 - 1)" : std::to_string(number);
  }

  // False: the reader wanted no more.
  Result<bool> Run(const std::string& sql, const Each& each) {
    EachRow rows(each);
    auto done = database_.Run(sql, rows);
    if (!done && !rows.is_enough()) return std::move(done).error();
    return done.has_value();
  }
  template <class Take>
  Result<void> ForEach(const std::string& sql, const Take& take) {
    const Each each = [&take](std::span<const Cell> cells) -> Result<bool> {
      take(cells);
      return true;
    };
    RETURN_IF_ERROR(Run(sql, each));
    return {};
  }

  Result<void> Describe(TableShape& table) {
    std::map<int64_t, std::string> key;  // by place in it
    std::map<std::string, bool> not_null;
    RETURN_IF_ERROR(ForEach("PRAGMA main.table_xinfo(" + Quoted(table.base) + ")", [&](auto cells) {
      constexpr size_t kName = 1, kType = 2, kNotNull = 3, kKey = 5, kHidden = 6;
      ColumnShape column{.name = TextOf(cells[kName]), .type = TextOf(cells[kType])};
      column.is_computed = cells[kHidden].integer > 1;
      not_null[column.name] = cells[kNotNull].integer != 0;
      if (cells[kKey].integer > 0) key[cells[kKey].integer] = column.name;
      table.columns.push_back(std::move(column));
    }));
    if (!key.empty()) {
      auto& columns = table.keys.emplace_back();
      for (const auto& [place, column] : key) columns.push_back(column);
    }
    return AddUniqueKeys(table, not_null);
  }

  Result<void> AddUniqueKeys(TableShape& table, const std::map<std::string, bool>& not_null) {
    std::vector<std::string> indexes;
    RETURN_IF_ERROR(ForEach("PRAGMA main.index_list(" + Quoted(table.base) + ")", [&](auto cells) {
      constexpr size_t kName = 1, kUnique = 2, kOrigin = 3, kPartial = 4;
      const bool is_whole = cells[kUnique].integer != 0 && cells[kPartial].integer == 0;
      if (is_whole && TextOf(cells[kOrigin]) != "pk") indexes.push_back(TextOf(cells[kName]));
    }));
    std::ranges::sort(indexes);
    for (const std::string& index : indexes) {
      std::vector<std::string> columns;
      bool is_key = true;
      RETURN_IF_ERROR(ForEach("PRAGMA main.index_info(" + Quoted(index) + ")", [&](auto cells) {
        const auto found = not_null.find(TextOf(cells[2]));  // no name: an expression
        is_key = is_key && found != not_null.end() && found->second;
        if (is_key) columns.push_back(found->first);
      }));
      if (is_key && !columns.empty()) table.keys.push_back(std::move(columns));
    }
    return {};
  }

  // A name of the rowid that no column has taken.
  static std::string RowidOf(const TableShape& table) {
    for (const char* name : {"rowid", "_rowid_", "oid"}) {
      const auto is_it = [name](const ColumnShape& column) { return Folded(column.name) == name; };
      if (std::ranges::none_of(table.columns, is_it)) return name;
    }
    return Quoted(table.keys.front().front());
  }

  query::QueryDatabase& database_;
  const std::string no_rows_;
};

}  // namespace

std::unique_ptr<RowsSide> MakeSqliteRows(query::QueryDatabase& database, std::string no_rows) {
  return std::make_unique<SqliteRows>(database, std::move(no_rows));
}

}  // namespace cairn::compare
