// Chosen tables out of a dump, into a database in use: in one transaction, all or none. Those that are missing are
// made.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/env/job_context.h"
#include "frontends/postgres/client_program.h"
#include "frontends/postgres/dump_reader.h"
#include "frontends/postgres/merge_statement.h"
#include "frontends/postgres/missing_tables.h"
#include "frontends/postgres/shared_snapshot.h"

namespace cairn::postgres {

struct TableRestoreOptions {
  Address address;  // of the database
  TableChoice choice;
  bool merges = false;                                   // rows that are there stay; else the dump's take their place
  std::map<std::string, std::vector<std::string>> keys;  // by table as given ("orders", "public.orders"): columns
  bool verifies = true;
  bool makes_missing = true;  // else they are refused
  bool with_rows = true;      // else tables that are missing are made, and no rows come
  bool with_owners = true;    // of what is made
  std::chrono::seconds lock_patience{60};
};

// What would be done with a table.
struct TablePlan {
  TableName name;
  uint64_t rows = 0;                                 // of the dump
  std::vector<std::string> key;                      // of a merge
  std::vector<std::string> only_in_dump, only_here;  // columns
};
struct TableRestorePlan {
  std::string run, database, server;
  std::vector<TablePlan> tables;
  std::vector<MissingTable> missing;  // are made
  std::vector<std::string> problems, notes;
};

struct TableReport {
  TableName name;
  uint64_t rows = 0;  // of the dump
  uint64_t inserted = 0;
  // Of a merge: there already; without a value in the key; without a parent; kept out by another key.
  uint64_t present = 0, without_key = 0, orphans = 0, conflicts = 0;
  std::vector<std::string> left_out;  // keys of some of the last two
  bool is_made = false;               // it was missing
};

// Rows are staged first, in tables of the session, and verified there; then the tables are locked against writers, and
// `before_change` may look at them (a safety snapshot), and the change is made and committed. Foreign keys that have to
// do with a table that is replaced are checked anew; no trigger or rule of the user's comes into play. An Error
// leaves the database as it was, but for sequences, which may stand higher, or says that this is not known. Once;
// borrows all.
class TableRestore {
 public:
  TableRestore(const JobContext& context, DumpReader& dump, TableRestoreOptions options)
      : context_(context),
        dump_(dump),
        options_(std::move(options)),
        waiter_(context.stop),
        missing_(context, dump, description_, {options_.with_owners, options_.with_rows, options_.verifies}) {}

  Result<TableRestorePlan> Plan();
  Result<std::vector<TableReport>> Run(const std::function<Result<void>(const std::string& run)>& before_change);

 private:
  Result<void> LookAtMissing(TableRestorePlan& plan);
  std::string Settings() const;  // of the transaction
  Result<void> LookAtTable(const TableDescription& table, TableRestorePlan& plan);
  using SeenColumns = std::set<std::pair<TableName, std::string>>;
  bool IsNumberedAnew(const TableName& table, const std::string& column, SeenColumns& seen) const;
  void LookAtReferences(TableRestorePlan& plan) const;
  Result<void> ChooseKey(StagedTable& staged, TablePlan& plan, TableRestorePlan& all) const;
  Result<std::vector<TableReport>> Work(const std::function<Result<void>(const std::string& run)>& before_change);
  Result<void> Stage(const StagedTable& table);
  void LookAtKeys(TableRestorePlan& plan) const;
  Result<void> LookAtKeyTriggers(TableRestorePlan& plan);
  Result<void> LockTables();
  Result<void> VerifyTable(const StagedTable& table);
  Result<void> NeedDistinctKeys();
  Result<std::vector<TableReport>> Replace();
  Result<std::vector<TableReport>> Merge();
  Result<void> CountLeftOut(const StagedTable& table, TableReport& report);
  Result<void> SetTriggers(bool on);
  Result<void> RaiseSequences();
  std::vector<const ForeignKey*> ForeignKeysAround() const;
  bool IsAround(const TableName& name) const;

  const JobContext& context_;
  DumpReader& dump_;
  const TableRestoreOptions options_;
  const stream::Waiter waiter_;
  std::unique_ptr<Connection> connection_;
  DatabaseDescription description_;
  LiveTables live_;
  StagedTables staged_;
  MissingTables missing_;
  TableRestorePlan plan_;
  bool is_committing_ = false;
};

}  // namespace cairn::postgres
