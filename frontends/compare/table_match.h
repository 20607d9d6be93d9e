// What of two tables of one name can be compared.
#pragma once

#include <string>
#include <vector>

#include "frontends/compare/rows_side.h"

namespace cairn::compare {

struct ChangedColumn {
  std::string name, before, after;  // types
};

// Columns belong together by their names.
struct TableMatch {
  std::vector<std::string> key;   // by which rows belong together; empty: by all that is in them
  std::vector<std::string> rest;  // the other columns that both have
  std::vector<std::string> columns_added, columns_removed;
  std::vector<ChangedColumn> columns_changed;
  bool is_other_key = false;  // the primary key is another one, or came or went
  bool is_same_shape() const {
    return columns_added.empty() && columns_removed.empty() && columns_changed.empty() && !is_other_key;
  }
  std::vector<std::string> columns() const;  // key, then rest
};

// `given`: the key that the user wants, which is known to be in both; else the first that both sides call one.
TableMatch MatchTables(const TableShape& before, const TableShape& after, const std::vector<std::string>& given);

}  // namespace cairn::compare
