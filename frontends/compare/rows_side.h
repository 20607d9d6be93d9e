// One of two databases whose rows are compared.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "frontends/query/rows.h"

namespace cairn::compare {

struct ColumnShape {
  std::string name, type;
  bool is_computed = false;  // by the database: its values are not compared
};

struct TableShape {
  std::string schema, base;          // "public" and "orders"; of SQLite no schema
  std::string name;                  // of both, for people
  std::vector<ColumnShape> columns;  // in the table's order
  // Columns whose values together no two rows share, unless one of them is NULL; the primary key first.
  std::vector<std::vector<std::string>> keys;
  std::string no_rows;           // why its rows cannot be compared; empty: they can
  bool are_elsewhere = false;    // they are: in tables of their own, which are compared
  std::optional<uint64_t> rows;  // where that is known without reading them
  std::string definition;        // tables of the same have the same rows in the same bytes; empty: that is not known
};

// Numbers that a SQLite table gives its rows, both ends taken in.
struct RowidRange {
  int64_t first = 0, last = 0;
};

// What of a table has to be read, where the rest is known to be the same on the other side; nothing: all of it.
using TablePart = std::optional<std::vector<RowidRange>>;

// One thread at a time. Between two calls nothing of it changes: rows come in the same order whenever they are read.
class RowsSide {
 public:
  virtual ~RowsSide() = default;
  // Ascending by schema and base.
  virtual Result<std::vector<TableShape>> Tables() = 0;
  virtual Result<uint64_t> Count(const TableShape& table) = 0;
  // Values of these columns, row by row; false: no more are wanted. Cells borrow until the call returns.
  using Each = std::function<Result<bool>(std::span<const query::Cell> cells)>;
  virtual Result<void> Read(const TableShape& table, const std::vector<std::string>& columns, const TablePart& part,
                            const Each& each) = 0;
};

}  // namespace cairn::compare
