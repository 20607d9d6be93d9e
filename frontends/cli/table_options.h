// Options of `restore` that choose tables of a database, whatever kind it is of, and say what becomes of their rows.
#pragma once

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "repo-format/base/result.h"

namespace cairn {

struct TableOptions {
  std::string strategy = "replace";
  std::vector<std::string> tables, excluded, keys;
  bool data_only = false, schema_only = false;

  void AddTo(CLI::App& command);
  // Tables of the database that is there, rather than the whole of it. (A PostgreSQL database without rows is a whole.)
  bool is_of_tables() const { return data_only || schema_only || strategy == "merge" || !tables.empty(); }
  // kInvalidArgument: options that do not go together.
  Result<void> RefuseTableMixture(bool of_tables) const;
  // By table as given: columns.
  Result<std::map<std::string, std::vector<std::string>>> ParseKeys() const;
};

}  // namespace cairn
