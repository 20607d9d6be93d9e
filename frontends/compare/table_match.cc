#include "frontends/compare/table_match.h"

#include <algorithm>

namespace cairn::compare {
namespace {

const ColumnShape* Find(const TableShape& table, const std::string& name) {
  const auto found = std::ranges::find(table.columns, name, &ColumnShape::name);
  return found == table.columns.end() ? nullptr : &*found;
}

bool HasKey(const TableShape& table, const std::vector<std::string>& key) {
  return std::ranges::find(table.keys, key) != table.keys.end();
}

std::string TypeOf(const ColumnShape& column) { return column.type + (column.is_computed ? " (computed)" : ""); }

}  // namespace

std::vector<std::string> TableMatch::columns() const {
  std::vector<std::string> all = key;
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

TableMatch MatchTables(const TableShape& before, const TableShape& after, const std::vector<std::string>& given) {
  TableMatch match;
  match.key = given;
  for (const auto& key : before.keys) {
    if (match.key.empty() && HasKey(after, key)) match.key = key;
  }
  const auto first = [](const TableShape& table) {
    return table.keys.empty() ? std::vector<std::string>() : table.keys.front();
  };
  match.is_other_key = first(before) != first(after);
  for (const ColumnShape& column : before.columns) {
    const ColumnShape* const other = Find(after, column.name);
    if (other == nullptr) {
      match.columns_removed.push_back(column.name);
      continue;
    }
    if (TypeOf(column) != TypeOf(*other))
      match.columns_changed.push_back({column.name, TypeOf(column), TypeOf(*other)});
    const bool is_key = std::ranges::find(match.key, column.name) != match.key.end();
    if (!is_key && !column.is_computed && !other->is_computed) match.rest.push_back(column.name);
  }
  for (const ColumnShape& column : after.columns) {
    if (Find(before, column.name) == nullptr) match.columns_added.push_back(column.name);
  }
  return match;
}

}  // namespace cairn::compare
