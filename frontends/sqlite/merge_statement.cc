#include "frontends/sqlite/merge_statement.h"

#include <fmt/format.h>

#include <algorithm>

namespace cairn::sqlite {
namespace {

std::string Joined(const std::vector<std::string>& parts, const char* between) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : between) + part;
  return text;
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::any_of(names, [&](const std::string& one) { return Folded(one) == Folded(name); });
}

std::string LiveName(const std::string& table) { return "main." + QuoteName(table); }
std::string StagedName(const std::string& table) { return std::string(kStaged) + "." + QuoteName(table); }
std::string Of(const char* alias, const std::string& column) { return std::string(alias) + "." + QuoteName(column); }

}  // namespace

bool StagedTable::keeps_rowid() const {
  if (staged->hidden_rowid.empty() && !staged->rowid_column) return false;
  return live->rowid_column ? !Has(columns, *live->rowid_column) : !live->hidden_rowid.empty();
}

bool StagedTable::keeps_values(const std::string& column) const {
  return live->Find(column)->affinity() == staged->Find(column)->affinity() && live->is_strict == staged->is_strict;
}

MergeStatement::MergeStatement(const StagedTables& all, const Schema& live, const StagedTable& table)
    : all_(all),
      live_(live),
      table_(table),
      live_name_(LiveName(table.live->name)),
      staged_name_(StagedName(table.staged->name)) {
  for (const ForeignKey& key : table.live->foreign_keys) {
    const bool is_ours = std::ranges::all_of(key.columns, [&](const auto& one) { return Has(table.columns, one); });
    if (is_ours) foreign_keys_.push_back(&key);
  }
}

// Where the staged row's parent may have another number here, the value is that of the parent that is the same by the
// key that the user has given.
const StagedTable* MergeStatement::Remapped(const ForeignKey& key) const {
  const auto parent = all_.find(Folded(key.parent));
  if (parent == all_.end() || !parent->second.has_own_key) return nullptr;
  const bool is_usable = key.parent_columns.size() == key.columns.size() &&
                         std::ranges::all_of(key.parent_columns, [&](const std::string& one) {
                           return parent->second.staged->Find(one) != nullptr;
                         });
  return is_usable ? &parent->second : nullptr;
}

std::string MergeStatement::Value(const std::string& column) const {
  for (const ForeignKey* key : foreign_keys_) {
    const StagedTable* parent = Remapped(*key);
    const auto at = std::ranges::find_if(key->columns, [&](const auto& one) { return Folded(one) == Folded(column); });
    if (parent == nullptr || at == key->columns.end()) continue;
    std::vector<std::string> same, found;
    for (size_t i = 0; i < key->columns.size(); ++i) {
      found.push_back(Of("ps", key->parent_columns[i]) + " = " + Of("s", key->columns[i]));
    }
    for (const std::string& one : parent->key) same.push_back(Of("p", one) + " = " + Of("ps", one));
    const std::string& target = key->parent_columns[static_cast<size_t>(at - key->columns.begin())];
    return fmt::format("(SELECT {} FROM {} AS ps JOIN {} AS p ON {} WHERE {} LIMIT 1)", Of("p", target),
                       StagedName(parent->staged->name), LiveName(parent->live->name), Joined(same, " AND "),
                       Joined(found, " AND "));
  }
  return Of("s", column);
}

// The live column stands first: its collation is the one that counts.
std::string MergeStatement::Equals(const std::string& live_alias) const {
  std::vector<std::string> parts;
  for (const std::string& column : table_.key) {
    parts.push_back(Of(live_alias.c_str(), column) + " = " + Value(column));
  }
  return Joined(parts, " AND ");
}

std::string MergeStatement::HasKey() const {
  std::vector<std::string> parts;
  for (const std::string& column : table_.key) parts.push_back(Of("s", column) + " IS NOT NULL");
  return Joined(parts, " AND ");
}

std::string MergeStatement::ParentIsThere(const ForeignKey& key) const {
  std::vector<std::string> empty, same;
  for (const std::string& column : key.columns) empty.push_back(Of("s", column) + " IS NULL");
  const Table* parent = live_.Find(key.parent);
  if (parent == nullptr && all_.contains(Folded(key.parent))) parent = all_.at(Folded(key.parent)).live;
  if (parent == nullptr || key.parent_columns.size() != key.columns.size()) return "(" + Joined(empty, " OR ") + ")";
  for (size_t i = 0; i < key.columns.size(); ++i) {
    same.push_back(Of("p", key.parent_columns[i]) + " = " + Value(key.columns[i]));
  }
  // A row that refers to itself brings its parent.
  if (Folded(key.parent) == Folded(table_.live->name) && !table_.has_own_key) {
    std::vector<std::string> itself;
    for (size_t i = 0; i < key.columns.size(); ++i) {
      if (!Has(table_.columns, key.parent_columns[i])) break;
      itself.push_back(Of("s", key.parent_columns[i]) + " = " + Of("s", key.columns[i]));
    }
    if (itself.size() == key.columns.size()) empty.push_back("(" + Joined(itself, " AND ") + ")");
  }
  return fmt::format("({} OR EXISTS (SELECT 1 FROM {} AS p WHERE {}))", Joined(empty, " OR "), LiveName(parent->name),
                     Joined(same, " AND "));
}

std::string MergeStatement::ParentsAreThere() const {
  std::vector<std::string> parts = {"1"};
  for (const ForeignKey* key : foreign_keys_) parts.push_back(ParentIsThere(*key));
  return Joined(parts, " AND ");
}

std::string MergeStatement::IsMissing() const {
  return fmt::format("{} AND NOT EXISTS (SELECT 1 FROM {} AS l WHERE {})", HasKey(), live_name_, Equals("l"));
}

// What a row hangs on where no column that both have tells it: rows of both are numbered.
bool MergeStatement::KeepsRowid() const { return table_.keeps_rowid(); }

std::string MergeStatement::RowidOf(const Table& table) const {
  return table.rowid_column ? QuoteName(*table.rowid_column) : table.hidden_rowid;
}

std::string MergeStatement::Insert(const char* conflict, const std::vector<std::string>& columns,
                                   const std::string& where) const {
  std::vector<std::string> names, values;
  for (const std::string& column : columns) {
    names.push_back(QuoteName(column));
    values.push_back(Value(column));
  }
  return fmt::format("INSERT OR {} INTO {} ({}) SELECT {} FROM {} AS s{}", conflict, live_name_, Joined(names, ", "),
                     Joined(values, ", "), staged_name_, where);
}

// FAIL rather than ABORT: where it fails, all is undone anyway, and no journal of the statement is kept for that. Said
// here, for what the table itself may say of conflicts would leave rows out.
std::string MergeStatement::InsertAll() const {
  std::vector<std::string> names, values, order;
  if (KeepsRowid()) {
    names.push_back(RowidOf(*table_.live));
    values.push_back("s." + RowidOf(*table_.staged));
  }
  for (const std::string& column : table_.columns) {
    names.push_back(QuoteName(column));
    values.push_back(Of("s", column));
  }
  const std::string rowid = RowidOf(*table_.staged);
  if (!rowid.empty()) {
    order.push_back("s." + rowid);
  } else {
    for (const std::string& column : table_.staged->key) order.push_back(Of("s", column));
  }
  return fmt::format("INSERT OR FAIL INTO {} ({}) SELECT {} FROM {} AS s{}", live_name_, Joined(names, ", "),
                     Joined(values, ", "), staged_name_, order.empty() ? "" : " ORDER BY " + Joined(order, ", "));
}

std::string MergeStatement::InsertMissing() const {
  std::vector<std::string> columns = table_.columns;
  // The hidden number is the key of a table that has no other.
  for (const std::string& column : table_.key) {
    if (!Has(columns, column)) columns.push_back(column);
  }
  std::string is_free;
  if (InsertRenumbered()) {
    const std::string& number = *table_.live->rowid_column;
    is_free = fmt::format(" AND NOT EXISTS (SELECT 1 FROM {} AS x WHERE {} = {})", live_name_, Of("x", number),
                          Of("s", number));
  }
  return Insert("IGNORE", columns, fmt::format(" WHERE {} AND {}{}", IsMissing(), ParentsAreThere(), is_free));
}

std::optional<std::string> MergeStatement::InsertRenumbered() const {
  const auto& number = table_.live->rowid_column;
  if (!table_.has_own_key || !number || Has(table_.key, *number) || !Has(table_.columns, *number)) return std::nullopt;
  std::vector<std::string> columns;
  for (const std::string& column : table_.columns) {
    if (Folded(column) != Folded(*number)) columns.push_back(column);
  }
  return Insert("IGNORE", columns,
                fmt::format(" WHERE {} AND {} AND EXISTS (SELECT 1 FROM {} AS x WHERE {} = {})", IsMissing(),
                            ParentsAreThere(), live_name_, Of("x", *number), Of("s", *number)));
}

std::string MergeStatement::CountWithoutKey() const {
  return fmt::format("SELECT count(*) FROM {} AS s WHERE NOT ({})", staged_name_, HasKey());
}

std::string MergeStatement::CountPresent() const {
  return fmt::format("SELECT count(*) FROM {} AS s WHERE {} AND EXISTS (SELECT 1 FROM {} AS l WHERE {})", staged_name_,
                     HasKey(), live_name_, Equals("l"));
}

std::string MergeStatement::CountOrphans() const {
  return fmt::format("SELECT count(*) FROM {} AS s WHERE {} AND NOT ({})", staged_name_, IsMissing(),
                     ParentsAreThere());
}

std::string MergeStatement::SampleLeftOut(unsigned rows) const {
  std::vector<std::string> parts;
  for (const std::string& column : table_.key) {
    const std::string value = Of("s", column);
    parts.push_back(fmt::format("CASE typeof({0}) WHEN 'blob' THEN quote({0}) ELSE {0} END", value));
  }
  return fmt::format("SELECT {} FROM {} AS s WHERE {} LIMIT {}", Joined(parts, " || ', ' || "), staged_name_,
                     IsMissing(), rows);
}

std::string MergeStatement::FindSharedKey(bool in_staged) const {
  std::vector<std::string> key, shown;
  for (const std::string& column : table_.key) {
    const Column* live = table_.live->Find(column);
    key.push_back(Of("s", column) + " COLLATE " + QuoteName(live == nullptr ? "BINARY" : live->collation));
    shown.push_back("min(" + Of("s", column) + ")");
  }
  return fmt::format("SELECT {} FROM {} AS s WHERE {} GROUP BY {} HAVING count(*) > 1 LIMIT 1",
                     Joined(shown, " || ', ' || "), in_staged ? staged_name_ : live_name_, HasKey(), Joined(key, ", "));
}

std::string MergeStatement::MakeKeyIndex(const std::string& name) const {
  std::vector<std::string> key;
  for (const std::string& column : table_.key) key.push_back(QuoteName(column));
  return fmt::format("CREATE INDEX main.{} ON {} ({})", QuoteName(name), QuoteName(table_.live->name),
                     Joined(key, ", "));
}

std::vector<std::string> MergeStatement::Compared() const {
  std::vector<std::string> columns;
  for (const std::string& column : table_.columns) {
    if (table_.keeps_values(column)) columns.push_back(column);
  }
  return columns;
}

std::string MergeStatement::SelectStaged() const {
  std::vector<std::string> values = {KeepsRowid() ? "s." + RowidOf(*table_.staged) : "1"};
  for (const std::string& column : Compared()) values.push_back(Of("s", column));
  return fmt::format("SELECT {} FROM {} AS s", Joined(values, ", "), staged_name_);
}

std::string MergeStatement::SelectLive() const {
  std::vector<std::string> values = {KeepsRowid() ? "l." + RowidOf(*table_.live) : "1"};
  for (const std::string& column : Compared()) values.push_back(Of("l", column));
  return fmt::format("SELECT {} FROM {} AS l", Joined(values, ", "), live_name_);
}

}  // namespace cairn::sqlite
