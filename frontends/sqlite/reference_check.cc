#include "frontends/sqlite/reference_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "repo-format/tree_path.h"

namespace cairn::sqlite {
namespace {

constexpr unsigned kTablesNamedMax = 10;

std::string Shown(const std::string& name) { return PathForPeople(AsBytes(name)); }

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::any_of(names, [&](const std::string& one) { return Folded(one) == Folded(name); });
}

}  // namespace

Result<void> ReferenceCheck::LookBefore() {
  RETURN_IF_ERROR(session_.Run("CREATE TEMP TABLE cairn_broken (at, name, row, parent)"));
  return Note(When::kBefore, TablesAround());
}

std::vector<std::string> ReferenceCheck::TablesAround() const {
  std::vector<std::string> names;
  for (const auto& [folded, table] : live_.tables) {
    const bool is_around = staged_.contains(folded) || std::ranges::any_of(table.foreign_keys, [&](const auto& key) {
                             return staged_.contains(Folded(key.parent));
                           });
    if (is_around && !table.foreign_keys.empty()) names.push_back(table.name);
  }
  return names;
}

const Table* ReferenceCheck::TableOf(When when, const std::string& name) const {
  if (when == When::kInSnapshot) return there_.Find(name);
  const auto found = staged_.find(Folded(name));
  const Table* here = live_.Find(name);
  return here != nullptr || found == staged_.end() ? here : found->second.live;
}

// One foreign key whose definition does not fit (of what is not unique, say) must not hide what becomes of the others.
Result<void> ReferenceCheck::NoteByValues(When when, const std::string& name) {
  const Table* table = TableOf(when, name);
  if (table == nullptr) return {};
  const std::string database = when == When::kInSnapshot ? kStaged : "main";
  const std::string row = table->rowid_column           ? "c." + QuoteName(*table->rowid_column)
                          : table->hidden_rowid.empty() ? "NULL"
                                                        : "c." + table->hidden_rowid;
  for (const ForeignKey& key : table->foreign_keys) {
    const Table* parent = TableOf(when, key.parent);
    if (parent == nullptr || key.parent_columns.size() != key.columns.size()) continue;
    std::string same, is_set;
    bool are_there = true;
    for (size_t i = 0; i < key.columns.size(); ++i) {
      are_there = are_there && parent->Find(key.parent_columns[i]) != nullptr;
      const std::string column = "c." + QuoteName(key.columns[i]);
      same += fmt::format("{}p.{} = {}", i == 0 ? "" : " AND ", QuoteName(key.parent_columns[i]), column);
      is_set += column + " IS NOT NULL AND ";
    }
    if (!are_there) continue;
    RETURN_IF_ERROR(session_.Run(fmt::format(
        "INSERT INTO temp.cairn_broken SELECT {0}, {1}, {2}, {3} FROM {4}.{5} AS c LEFT JOIN {4}.{6} AS p ON {7} WHERE "
        "{8}p.{9} IS NULL",
        static_cast<int>(when), QuoteText(Folded(table->name)), row, QuoteText(Folded(key.parent)), database,
        QuoteName(table->name), QuoteName(parent->name), same, is_set, QuoteName(key.parent_columns.front()))));
  }
  return {};
}

// Where the definitions themselves do not fit SQLite cannot say which rows are meant.
Result<void> ReferenceCheck::Note(When when, const std::vector<std::string>& tables) {
  for (const std::string& name : tables) {
    // What the snapshot's database lacks as a table a part may be without.
    const std::string which =
        when != When::kInSnapshot || !is_part_
            ? ""
            : fmt::format(" WHERE lower(parent) IN (SELECT lower(name) FROM {}.sqlite_schema WHERE type = 'table')",
                          kStaged);
    auto noted = session_.Rows(
        fmt::format("INSERT INTO temp.cairn_broken SELECT {}, lower(\"table\"), rowid, lower(parent) FROM "
                    "pragma_foreign_key_check(?1, ?2){}",
                    static_cast<int>(when), which),
        {name, when == When::kInSnapshot ? kStaged : "main"});
    if (noted) continue;
    if ((sqlite3_errcode(session_.connection) & 0xff) != SQLITE_ERROR) return noted.error();
    RETURN_IF_ERROR(NoteByValues(when, name));
    if (when == When::kNow && !Has(unchecked_, name)) {
      return std::move(noted).error().While("what " + Shown(name) + " refers to");
    }
    if (when == When::kBefore) unchecked_.push_back(name);
  }
  return {};
}

// Rows of a table without numbers can only be counted.
Result<void> ReferenceCheck::NeedWhole(bool are_replaced) {
  // What was broken when it was backed up is so again.
  std::vector<std::string> there, now = TablesAround();
  for (const auto& [folded, table] : staged_) {
    if (are_replaced && !table.staged->foreign_keys.empty()) there.push_back(table.staged->name);
    if (!table.live->foreign_keys.empty() && !Has(now, table.live->name)) now.push_back(table.live->name);
  }
  RETURN_IF_ERROR(Note(When::kInSnapshot, there));
  RETURN_IF_ERROR(Note(When::kNow, now));
  ASSIGN_OR_RETURN(
      const auto broken,
      session_.Rows(fmt::format(
          "WITH counted AS (SELECT at, name, row, parent, count(*) AS rows FROM temp.cairn_broken GROUP BY 1, 2, 3, 4) "
          "SELECT n.name, n.parent, sum(n.rows - ifnull(b.rows, 0)), min(n.row) FROM counted AS n LEFT JOIN (SELECT "
          "name, row, parent, max(rows) AS rows FROM counted WHERE at <> {0} GROUP BY 1, 2, 3) AS b ON b.name = n.name "
          "AND b.row IS n.row AND b.parent IS n.parent WHERE n.at = {0} AND n.rows > ifnull(b.rows, 0) GROUP BY 1, 2 "
          "LIMIT {1}",
          static_cast<int>(When::kNow), kTablesNamedMax)));
  if (broken.empty()) return {};
  std::string text;
  for (const auto& row : broken) {
    const auto shown = [&](size_t column) {
      const std::string name = row[column].value_or("");
      const Table* table = live_.Find(name);
      return Shown(table == nullptr ? name : table->name);
    };
    text += fmt::format("{}{} rows of {} would refer to rows of {} that are not there{}", text.empty() ? "" : "; ",
                        row[2].value_or("?"), shown(0), shown(1),
                        row[3] ? fmt::format(" (the first is its row {})", *row[3]) : "");
  }
  return MakeError(ErrorCode::kInvalidArgument, "{}: restore those tables too (--table), or merge (--strategy merge)",
                   text);
}

}  // namespace cairn::sqlite
