// Chosen tables out of a database of a snapshot, into one in use: in one transaction, all or none.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/env/job_context.h"
#include "frontends/sqlite/live_database.h"
#include "frontends/sqlite/table_plan.h"

namespace cairn::sqlite {

struct TableReport {
  std::string name;
  bool is_made = false;
  uint64_t rows = 0;  // of the snapshot
  uint64_t inserted = 0;
  // Of a merge: there already; without a value in the key; without a parent; kept out by another key or a constraint;
  // of those inserted: with another number than they had.
  uint64_t present = 0, without_key = 0, orphans = 0, conflicts = 0, renumbered = 0;
  std::vector<std::string> left_out;  // keys of some of those that lack a parent or are kept out
};

// By the connection of a LiveDatabase. Plan attaches the snapshot's database to it and looks at both; Run, once, is for
// when the lock is held: it changes the tables, and has SQLite and its own reading say that they are right, but commits
// nothing. No trigger fires; what references is checked at the end: rows that refer to others that are not there, and
// did not before nor in the snapshot, are an Error that names them. After an Error the transaction is the caller's to
// end. One thread at a time; borrows all.
class TableRestore {
 public:
  TableRestore(const JobContext& context, LiveDatabase& live, TableRestoreOptions options)
      : context_(context), database_(live), options_(std::move(options)) {}

  Result<TableRestorePlan> Plan();
  Result<std::vector<TableReport>> Run();

 private:
  Result<void> Attach();
  Result<void> MakeTables();
  Result<void> MakeOthers();
  Result<std::vector<TableReport>> Replace();
  Result<std::vector<TableReport>> Merge();
  Result<TableReport> BeginMerge(const StagedTable& table);
  Result<uint64_t> MergeRound(const StagedTable& table, TableReport& report);
  Result<void> NeedDistinctKeys();
  Result<void> MakeKeyIndexes();
  Result<void> DropKeyIndexes();
  Result<void> CountLeftOut(const StagedTable& table, TableReport& report);
  Result<void> RaiseSequence(const StagedTable& table);
  Result<void> RebuildIndexesOfText();
  Result<void> VerifyReplaced(const StagedTable& table);
  Result<void> CheckTables(bool are_changed);
  Result<void> VerifySchema();
  Result<uint64_t> CountRows(const std::string& table) const;
  const TablePlan& PlanOf(const StagedTable& table) const;

  const JobContext& context_;
  LiveDatabase& database_;
  const TableRestoreOptions options_;
  TableRestorePlan plan_;
  TableWork work_;
  std::vector<std::string> key_indexes_;
};

}  // namespace cairn::sqlite
