// What bringing chosen tables out of a snapshot's database into one in use means, before anything is changed.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "frontends/sqlite/merge_statement.h"
#include "frontends/sqlite/schema.h"

namespace cairn::sqlite {

struct TableRestoreOptions {
  std::string staged;                         // the snapshot's database: a file of this process alone, not in WAL mode
  std::vector<std::string> chosen, excluded;  // patterns; none chosen: all
  bool merges = false;                        // rows that are there stay; else the snapshot's take their place
  bool makes = true;                          // tables that are not there
  bool brings_rows = true;                    // else definitions alone
  std::map<std::string, std::vector<std::string>> keys;  // by table: columns
  bool verifies = true;
  bool is_part = false;  // of a database: what it lacks was there, or not
};

// What would be done with a table.
struct TablePlan {
  enum class Action { kMake, kReplace, kMerge, kRebuild, kNothing };
  std::string name;
  Action action = Action::kReplace;
  uint64_t rows = 0;                                     // of the snapshot
  std::vector<std::string> key;                          // of a merge
  std::vector<std::string> only_in_snapshot, only_here;  // columns
  std::vector<std::string> made;                         // indexes and triggers that are made, and views
};
struct TableRestorePlan {
  std::vector<TablePlan> tables;
  std::vector<std::string> problems, notes;
};

// How it is done. StagedTables point into the schemas: moved, never copied.
struct TableWork {
  TableWork() = default;
  TableWork(TableWork&&) = default;
  TableWork& operator=(TableWork&&) = default;
  int64_t schema_version = 0;  // of the database in use, when it was looked at
  Schema live, there;
  StagedTables staged;                                     // whose rows are brought over
  std::vector<Definition> tables_to_make, others_to_make;  // before there are rows, and after
  std::vector<std::string> text_indexes;                   // that have rows of tables which change: they are rebuilt
};

// Looks at both databases, the snapshot's attached to the connection as kStaged, and changes nothing. Once; borrows
// all.
class TablePlanner {
 public:
  TablePlanner(const Session& session, const TableRestoreOptions& options) : session_(session), options_(options) {}
  // kNotFound: a pattern chooses nothing.
  Result<void> Look();
  TableRestorePlan plan;
  TableWork work;

 private:
  bool Takes(const std::string& name) const;
  Result<void> ReadSchemas();
  Result<void> LookAtTable(const Table& table);
  void LookAtVirtual(const Table& table, const Table* live);
  void LookAtTextIndex(const Table& table, const Table* live);
  void LookAtMissing(const Table& table, TablePlan& one);
  void LookAtDefinition(const Table& table, const Table& live, TablePlan& one);
  void LookAtColumns(StagedTable& staged, TablePlan& one);
  void LookAtTriggers(const TablePlan& one);
  void ChooseKey(StagedTable& staged, TablePlan& one);
  void LookAtKeys();
  void FindParentsMade();
  using SeenColumns = std::set<std::pair<const StagedTable*, std::string>>;
  bool IsNumberedAnew(const StagedTable& table, const std::string& column, SeenColumns& seen) const;
  std::string WhyNotFollowed(const StagedTable& table, const ForeignKey& key) const;
  void LookAtReferences();
  void LookAtViews();
  void LookAtIndexesOfText();
  void MakeWithTable(const std::string& table, TablePlan& one);
  std::string ModuleOf(const Table& table) const;
  void Problem(std::string problem) { plan.problems.push_back(std::move(problem)); }

  const Session& session_;
  const TableRestoreOptions& options_;
};

}  // namespace cairn::sqlite
