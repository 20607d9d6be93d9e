// `diff` of databases: which tables differ, and in which rows.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "frontends/cli/compared_database.h"
#include "frontends/cli/table_report.h"

namespace cairn {

struct TableDiffOptions {
  std::vector<std::string> tables, excluded, keys;
  bool rows = false, files = false;
  uint64_t limit = 20;
  std::string address;  // of a PostgreSQL server
  uint32_t lock_wait_s = 60;

  void AddTo(CLI::App& command);
  bool is_given() const { return rows || !tables.empty() || !excluded.empty() || !keys.empty() || !address.empty(); }
};

// One thread. Memory: 16 MiB, and what the databases have; hashes of rows beyond that are sorted in nameless files of
// the repository's cache folder.
class TableDiff {
 public:
  TableDiff(Cli& cli, const TableDiffOptions& options) : cli_(cli), options_(options) {}

  // `item`: as it is called where there are several. kInvalidArgument: they are not of one kind.
  Result<void> Compare(ComparedDatabase& before, ComparedDatabase& after, const std::string& item,
                       const std::string& folder);
  // Tables of a server that are asked for; empty: all.
  ComparedDatabase::Takes Choice();
  // At the end. kNotFound: a table that was asked for is in none of the databases.
  Result<void> NeedMatches() const;
  const TableTotals& totals() const { return totals_; }

 private:
  bool Takes(const compare::TableShape& table, bool is_postgres);

  Cli& cli_;
  const TableDiffOptions& options_;
  TableTotals totals_;
  std::set<std::string> matched_;  // of options_.tables
};

}  // namespace cairn
