// What differs between two databases, table by table, in rows.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "frontends/compare/row_difference.h"
#include "frontends/compare/table_match.h"

namespace cairn::compare {

struct TableDifference {
  enum class Kind : uint8_t { kSame, kDiffers, kAdded, kRemoved };
  Kind kind = Kind::kSame;
  std::string name;
  TableMatch match;            // where both have it
  RowCounts counts;            // where both have it and its rows are compared
  std::string no_rows;         // why they are not; empty: they are
  bool are_elsewhere = false;  // they are compared as those of other tables
  // Of each side; nothing: not all of them were read.
  std::optional<uint64_t> rows_before, rows_after;
};

// What is told. One thread. An Error ends it all.
class DifferenceSink {
 public:
  virtual ~DifferenceSink() = default;
  virtual Result<void> Table(const TableDifference& table) = 0;
  // Of the table that was told last: values of its key; of all columns that were compared where it has none, or has a
  // NULL in it.
  virtual Result<void> Row(const TableDifference& table, RowChange change, const std::vector<std::string>& columns,
                           std::span<const query::Cell> cells) = 0;
  virtual Result<void> RowsEnd(const TableDifference& table, uint64_t told) = 0;
  // A table that could not be read on one side.
  virtual Result<void> Failed(const std::string& table, const Error& error) = 0;
};

// Which rows of two tables have to be read: what is the same in the bytes that are stored need not be.
struct NarrowedTables {
  bool is_same = false;  // none
  TablePart before, after;
};

struct DatabaseDiffOptions {
  std::function<bool(const TableShape& table)> takes;
  // By the table's name, as people write it, with and without its schema.
  std::map<std::string, std::vector<std::string>> keys;
  // May be empty: all rows are read.
  std::function<Result<NarrowedTables>(const TableShape& before, const TableShape& after)> narrow;
  RowDifference::Options rows;
  bool tells_rows = false;  // at most rows.rows_max of a table
  std::stop_token stop;
};

// Tables belong together by their names, and come in their order. kNotFound: a key is given for a table, or has a
// column, that is not there.
Result<void> DiffDatabases(RowsSide& before, RowsSide& after, const DatabaseDiffOptions& options, DifferenceSink& sink);

}  // namespace cairn::compare
