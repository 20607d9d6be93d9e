// Differences of databases, as they are told and counted.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "frontends/cli/cli.h"
#include "frontends/compare/database_diff.h"

namespace cairn {

struct TableTotals {
  uint64_t databases = 0;  // that were compared
  uint64_t added = 0, removed = 0, differ = 0, same = 0, failed = 0;
  compare::RowCounts rows;  // of tables that both sides have
};

// Of one database: a line a table, when End is called, so that their columns are as wide as they are; at once where
// rows are told too. One thread.
class TableReport final : public compare::DifferenceSink {
 public:
  // `item`: its name where there are several; else empty. `totals` outlives it.
  TableReport(Cli& cli, std::string item, bool tells_rows, TableTotals& totals)
      : cli_(cli), item_(std::move(item)), tells_rows_(tells_rows), totals_(totals) {}

  Result<void> Table(const compare::TableDifference& table) override;
  Result<void> Row(const compare::TableDifference& table, compare::RowChange change,
                   const std::vector<std::string>& columns, std::span<const query::Cell> cells) override;
  Result<void> RowsEnd(const compare::TableDifference& table, uint64_t told) override;
  Result<void> Failed(const std::string& table, const Error& error) override;
  void End();

 private:
  struct Line {
    char letter = 'M';
    std::string name, removed, changed, added, rest;
  };
  static Line LineOf(const compare::TableDifference& table);
  void TellJson(const compare::TableDifference& table);
  void Print(const std::vector<Line>& lines);

  Cli& cli_;
  const std::string item_;
  const bool tells_rows_;
  TableTotals& totals_;
  std::vector<Line> lines_;
  std::map<std::string, uint64_t> without_rows_;  // tables, by why their rows cannot be compared
};

std::string TotalsText(const TableTotals& totals);
nlohmann::json TotalsJson(const TableTotals& totals);

}  // namespace cairn
