#include "frontends/sqlite/table_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "frontends/sqlite/session.h"
#include "repo-format/tree_path.h"

namespace cairn::sqlite {
namespace {

std::string Shown(const std::string& name) { return PathForPeople(AsBytes(name)); }

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + Shown(name);
  return text;
}

bool Has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::any_of(names, [&](const std::string& one) { return Folded(one) == Folded(name); });
}

bool IsSame(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::equal(a, b, [](const auto& one, const auto& other) { return Folded(one) == Folded(other); });
}

}  // namespace

bool TablePlanner::Takes(const std::string& name) const { return TakesName(options_.chosen, options_.excluded, name); }

Result<void> TablePlanner::Look() {
  RETURN_IF_ERROR(ReadSchemas());
  RETURN_IF_ERROR(work.there.NeedMatches(options_.chosen, /*with_views=*/!options_.brings_rows).While("the snapshot"));
  for (const auto& [name, table] : work.there.tables) {
    if (table.kind != Table::Kind::kShadow && Takes(table.name)) RETURN_IF_ERROR(LookAtTable(table));
  }
  LookAtKeys();
  FindParentsMade();
  LookAtReferences();
  LookAtViews();
  LookAtIndexesOfText();
  if (plan.tables.empty() && plan.problems.empty()) Problem("the snapshot's database has none of the tables chosen");
  return {};
}

// One state of the database in use, which is let go at once.
Result<void> TablePlanner::ReadSchemas() {
  RETURN_IF_ERROR(session_.Run("BEGIN"));
  ASSIGN_OR_RETURN(work.schema_version, session_.Number("PRAGMA main.schema_version"));
  ASSIGN_OR_RETURN(work.live, ReadSchema(session_, "main"));
  RETURN_IF_ERROR(session_.Run("COMMIT"));
  ASSIGN_OR_RETURN(work.there, ReadSchema(session_, kStaged).While("the snapshot"));
  return {};
}

Result<void> TablePlanner::LookAtTable(const Table& table) {
  const Table* live = work.live.Find(table.name);
  const size_t problems = plan.problems.size();
  if (table.kind == Table::Kind::kVirtual) {
    LookAtVirtual(table, live);
  } else if (const std::string module = ModuleOf(table); !module.empty()) {
    Problem(
        fmt::format("{} may be a part of the virtual table {}, whose module only its application has: leave it out "
                    "(--exclude-table), or restore the whole database",
                    Shown(table.name), Shown(module)));
  } else if (live != nullptr && live->kind != Table::Kind::kTable) {
    Problem(
        fmt::format("{} belongs to a virtual table here, and is a table of rows in the snapshot", Shown(table.name)));
  }
  if (plan.problems.size() > problems) return {};
  if (table.kind == Table::Kind::kVirtual && !table.has_own_text()) {
    LookAtTextIndex(table, live);
    return {};
  }
  TablePlan one{.name = table.name};
  StagedTable staged{.staged = &table, .live = live == nullptr ? &table : live};
  if (live == nullptr) {
    LookAtMissing(table, one);
  } else if (!options_.brings_rows) {
    LookAtDefinition(table, *live, one);
  } else {
    one.action = options_.merges ? TablePlan::Action::kMerge : TablePlan::Action::kReplace;
  }
  if (options_.brings_rows) {
    ASSIGN_OR_RETURN(const int64_t rows,
                     session_.Number("SELECT count(*) FROM " + std::string(kStaged) + "." + QuoteName(table.name)));
    one.rows = static_cast<uint64_t>(rows);
    LookAtColumns(staged, one);
    LookAtTriggers(one);
    if (options_.merges) ChooseKey(staged, one);
    work.staged.emplace(Folded(table.name), std::move(staged));
  }
  plan.tables.push_back(std::move(one));
  return {};
}

std::string TablePlanner::ModuleOf(const Table& table) const {
  const std::string there = work.there.UnknownModuleOf(table);
  return there.empty() ? work.live.UnknownModuleOf(table) : there;
}

void TablePlanner::LookAtVirtual(const Table& table, const Table* live) {
  const std::string name = Shown(table.name);
  const char* const way_out = "leave it out (--exclude-table), or restore the whole database";
  const bool merges = options_.merges && options_.brings_rows && live != nullptr;
  if (!table.is_full_text()) {
    Problem(fmt::format("{} is a virtual table, and what its module ({}) keeps cannot be brought over: {}", name,
                        Shown(table.module), way_out));
  } else if (!table.is_readable || (live != nullptr && !live->is_readable)) {
    Problem(fmt::format("{} is a full text index that needs what only its application has: {}", name, way_out));
  } else if (live != nullptr && live->sql != table.sql) {
    Problem(fmt::format("{} is defined otherwise here than in the snapshot: {}", name, way_out));
  } else if (table.content && table.content->empty()) {
    Problem(fmt::format("{} is a full text index without the text, which nobody can read: {}", name, way_out));
  } else if (table.has_own_text() && Folded(table.sql).find("languageid") != std::string::npos) {
    Problem(
        fmt::format("{} is a full text index with languages of rows, which are not brought over: {}", name, way_out));
  } else if (table.has_own_text() && merges) {
    Problem(fmt::format("{} is a full text index: its rows can be replaced, but not merged: {}", name, way_out));
  }
}

// Of another table's rows: it is made anew from them.
void TablePlanner::LookAtTextIndex(const Table& table, const Table* live) {
  TablePlan one{.name = table.name, .action = TablePlan::Action::kNothing};
  if (live == nullptr) {
    LookAtMissing(table, one);
  } else if (options_.brings_rows) {
    one.action = TablePlan::Action::kRebuild;
  }
  if (options_.brings_rows) work.text_indexes.push_back(table.name);
  plan.tables.push_back(std::move(one));
}

// What is made with a table: what has its name here already stands in the way, whatever it is.
void TablePlanner::MakeWithTable(const std::string& table, TablePlan& one) {
  for (const Definition& other : work.there.definitions) {
    if (Folded(other.table) != Folded(table) || (other.type != "index" && other.type != "trigger")) continue;
    const Definition* here = work.live.FindDefinition(other.name);
    if (here == nullptr) {
      work.others_to_make.push_back(other);
      one.made.push_back(other.name);
    } else if (here->sql != other.sql || Folded(here->table) != Folded(other.table) || here->type != other.type) {
      Problem(fmt::format("{} of the snapshot has the {} {}, and here that is another {}{}: rename one of them",
                          Shown(table), other.type, Shown(other.name), here->type,
                          here->type == "table" ? "" : " of " + Shown(here->table)));
    }
  }
}

void TablePlanner::LookAtMissing(const Table& table, TablePlan& one) {
  one.action = TablePlan::Action::kMake;
  if (!options_.makes) {
    return Problem(fmt::format("there is no table {}: without --data-only it is made", Shown(table.name)));
  }
  if (const Definition* here = work.live.FindDefinition(table.name); here != nullptr) {
    return Problem(fmt::format("{} is a {} here, and a table in the snapshot", Shown(table.name), here->type));
  }
  work.tables_to_make.push_back({"table", table.name, table.name, table.sql});
  MakeWithTable(table.name, one);
}

void TablePlanner::LookAtDefinition(const Table& table, const Table& live, TablePlan& one) {
  one.action = TablePlan::Action::kNothing;
  if (table.sql != live.sql) {
    return Problem(
        fmt::format("{} has another definition here than in the snapshot: what is there is not changed; leave it out "
                    "(--exclude-table), or rename it first",
                    Shown(table.name)));
  }
  MakeWithTable(table.name, one);
}

void TablePlanner::LookAtColumns(StagedTable& staged, TablePlan& one) {
  for (const Column& column : staged.staged->columns) {
    const Column* here = staged.live->Find(column.name);
    // What is computed here is computed from what is brought.
    if (column.is_hidden || (here != nullptr && here->is_generated)) continue;
    if (here == nullptr) {
      if (!column.is_generated) one.only_in_snapshot.push_back(column.name);
    } else {
      staged.columns.push_back(here->name);
    }
  }
  const std::string name = Shown(one.name);
  for (const Column& column : staged.live->columns) {
    if (column.is_generated || column.is_hidden || Has(staged.columns, column.name)) continue;
    const bool is_number = staged.live->rowid_column && Folded(*staged.live->rowid_column) == Folded(column.name);
    if (is_number && !options_.merges && staged.keeps_rowid()) {
      plan.notes.push_back(
          fmt::format("{}: the column {} is not in the snapshot, and gets the numbers (rowid) that its "
                      "rows have there",
                      name, Shown(column.name)));
      continue;
    }
    one.only_here.push_back(column.name);
    if (column.has_default || is_number || one.rows == 0) continue;
    if (Has(staged.live->key, column.name)) {
      Problem(
          fmt::format("{}: the column {} of the primary key is not in the snapshot: if it has another name "
                      "there, give it that (ALTER TABLE) for as long as the restore takes",
                      name, Shown(column.name)));
    } else if (column.not_null) {
      Problem(fmt::format("{}: the column {} is not in the snapshot, has no default, and must have a value", name,
                          Shown(column.name)));
    }
  }
  if (staged.columns.empty()) {
    Problem(fmt::format("{}: the snapshot's table and the one here have no column in common", name));
  }
  std::vector<std::string> others;
  std::ranges::copy_if(staged.columns, std::back_inserter(others),
                       [&](const auto& column) { return !staged.keeps_values(column); });
  if (!others.empty()) {
    plan.notes.push_back(
        fmt::format("{}: the columns {} have another type here than in the snapshot: their values become of it, and "
                    "are not compared",
                    name, Listed(others)));
  }
  if (!one.only_in_snapshot.empty()) {
    plan.notes.push_back(fmt::format("{}: the columns {} of the snapshot are not here any more, and are left out", name,
                                     Listed(one.only_in_snapshot)));
  }
  if (!one.only_here.empty()) {
    plan.notes.push_back(
        fmt::format("{}: the columns {} are not in the snapshot, and get their defaults", name, Listed(one.only_here)));
  }
}

void TablePlanner::LookAtTriggers(const TablePlan& one) {
  std::vector<std::string> triggers;
  for (const Definition& other : work.live.definitions) {
    if (other.type == "trigger" && Folded(other.table) == Folded(one.name)) triggers.push_back(other.name);
  }
  if (triggers.empty()) return;
  plan.notes.push_back(fmt::format("{}: its triggers ({}) do not fire: what they keep elsewhere stays as it is",
                                   Shown(one.name), Listed(triggers)));
}

void TablePlanner::ChooseKey(StagedTable& staged, TablePlan& one) {
  if (one.action != TablePlan::Action::kMerge && one.action != TablePlan::Action::kMake) return;
  const Table& live = *staged.live;
  for (const auto& [table, columns] : options_.keys) {
    if (Folded(table) != Folded(live.name)) continue;
    staged.key = columns;
    staged.has_own_key = !IsSame(columns, live.key);
  }
  const std::string name = Shown(one.name);
  if (staged.key.empty()) staged.key = live.key;
  // In a table that is made nothing else has its numbers.
  const bool is_numbered = staged.key.empty() && one.action == TablePlan::Action::kMake && !live.hidden_rowid.empty();
  if (is_numbered) staged.key = {live.hidden_rowid};
  one.key = staged.key;
  if (staged.key.empty()) {
    Problem(fmt::format("{} has no primary key: say which rows are the same by --key {}=COLUMN,COLUMN", name, name));
  }
  for (const std::string& column : staged.key) {
    if (is_numbered || Has(staged.columns, column)) continue;
    Problem(fmt::format("{}: the key's column {} is not in both the snapshot and the table", name, Shown(column)));
  }
}

// A key that is meant for no table is a slip that would merge by another key than was meant.
void TablePlanner::LookAtKeys() {
  for (const auto& [given, columns] : options_.keys) {
    if (!work.staged.contains(Folded(given))) {
      Problem(fmt::format("--key {}: none of the tables chosen is called so", Shown(given)));
    }
  }
}

// What refers to the primary key of a table that is not there could not be told which columns that has.
void TablePlanner::FindParentsMade() {
  for (auto& [name, table] : work.live.tables) {
    for (ForeignKey& key : table.foreign_keys) {
      const auto parent = work.staged.find(Folded(key.parent));
      if (key.parent_columns.empty() && parent != work.staged.end()) key.parent_columns = parent->second.live->key;
    }
  }
}

// Whether a row that a merge brings may get another value there than it has in the snapshot: it refers to one that is
// the same by a key that was given, or to what does. References may go in a ring: each is followed once.
bool TablePlanner::IsNumberedAnew(const StagedTable& table, const std::string& column, SeenColumns& seen) const {
  if (!seen.emplace(&table, Folded(column)).second) return false;
  return std::ranges::any_of(table.live->foreign_keys, [&](const ForeignKey& key) {
    const auto parent = work.staged.find(Folded(key.parent));
    if (parent == work.staged.end() || !Has(key.columns, column)) return false;
    if (parent->second.has_own_key) return true;
    return std::ranges::any_of(key.parent_columns,
                               [&](const std::string& one) { return IsNumberedAnew(parent->second, one, seen); });
  });
}

// Why the rows of a table cannot be made to refer to the row here that is the one they refer to in the snapshot; empty:
// they can, or need not.
std::string TablePlanner::WhyNotFollowed(const StagedTable& table, const ForeignKey& key) const {
  const auto found = work.staged.find(Folded(key.parent));
  if (found == work.staged.end()) return "";
  const StagedTable& parent = found->second;
  if (!parent.has_own_key) {
    for (const std::string& column : key.parent_columns) {
      if (SeenColumns seen; IsNumberedAnew(parent, column, seen))
        return fmt::format("its {} becomes that of another row", Shown(column));
    }
    return "";
  }
  for (const std::string& column : key.columns) {
    const Column* here = table.live->Find(column);
    if (here != nullptr && here->is_generated) return fmt::format("{} is computed", Shown(column));
  }
  for (const std::string& column : key.parent_columns) {
    if (parent.staged->Find(column) == nullptr) return fmt::format("its {} is not in the snapshot", Shown(column));
  }
  for (const std::string& column : parent.key) {
    if (SeenColumns seen; IsNumberedAnew(parent, column, seen))
      return fmt::format("its key's {} becomes that of another row", Shown(column));
  }
  const bool is_here = std::ranges::any_of(table.live->foreign_keys, [&](const ForeignKey& one) {
    return Folded(one.parent) == Folded(key.parent) && IsSame(one.columns, key.columns);
  });
  const bool is_left_out = std::ranges::any_of(key.columns, [&](const auto& one) { return !Has(table.columns, one); });
  return is_here || is_left_out ? "" : "the foreign key is not there any more";
}

// Rows that kept the number would refer to whatever row has it here, and nobody would see.
void TablePlanner::LookAtReferences() {
  if (!options_.merges) return;
  for (const auto& [name, table] : work.staged) {
    std::vector<ForeignKey> keys = table.live->foreign_keys;
    keys.insert(keys.end(), table.staged->foreign_keys.begin(), table.staged->foreign_keys.end());
    for (const ForeignKey& key : keys) {
      const std::string why = WhyNotFollowed(table, key);
      if (why.empty()) continue;
      Problem(
          fmt::format("{}: which row of {} its rows refer to by {} cannot be told with the keys given ({}): leave "
                      "it out (--exclude-table), or merge by the primary keys",
                      Shown(table.live->name), Shown(key.parent), Listed(key.columns), why));
      break;
    }
  }
}

void TablePlanner::LookAtViews() {
  if (options_.brings_rows) return;
  for (const Definition& view : work.there.definitions) {
    if (view.type != "view" || !Takes(view.name)) continue;
    TablePlan one{.name = view.name, .action = TablePlan::Action::kNothing};
    const Definition* here = work.live.FindDefinition(view.name);
    if (here != nullptr && here->sql != view.sql) {
      Problem(
          fmt::format("{} has another definition here than in the snapshot: what is there is not changed; leave it "
                      "out (--exclude-table), or rename it first",
                      Shown(view.name)));
    }
    if (here == nullptr) {
      one.action = TablePlan::Action::kMake;
      work.others_to_make.push_back(view);
    }
    MakeWithTable(view.name, one);
    plan.tables.push_back(std::move(one));
  }
}

// A full text index of another table's rows does not see that they change; one over a view may be of any.
void TablePlanner::LookAtIndexesOfText() {
  if (!options_.brings_rows) return;
  for (const auto& [name, table] : work.live.tables) {
    if (!table.is_full_text() || !table.content || table.content->empty() || Has(work.text_indexes, table.name))
      continue;
    const Definition* source = work.live.FindDefinition(*table.content);
    const bool is_of_view = source != nullptr && source->type == "view";
    if (!is_of_view && !work.staged.contains(Folded(*table.content))) continue;
    if (!table.is_readable) {
      Problem(
          fmt::format("{} is a full text index of {}, and needs what only its application has to be made anew: "
                      "restore the whole database",
                      Shown(table.name), Shown(*table.content)));
    }
    work.text_indexes.push_back(table.name);
    plan.tables.push_back({.name = table.name, .action = TablePlan::Action::kRebuild});
  }
}

}  // namespace cairn::sqlite
