// Tables of a dump that a database in use has not: made again, with what belongs to them.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/env/job_context.h"
#include "frontends/postgres/client_program.h"
#include "frontends/postgres/definitions.h"
#include "frontends/postgres/dump_reader.h"
#include "frontends/postgres/live_table.h"

namespace cairn::postgres {

struct MissingTable {
  TableName name;
  uint64_t rows = 0;  // of the dump
};

// Their definitions as they were: columns, defaults, indexes, constraints, triggers, rules, policies, sequences that
// they own, comments, grants; foreign keys from and to them where the other table is there. All in the caller's
// transaction. One thread at a time; borrows all.
class MissingTables {
 public:
  struct Options {
    bool with_owners = true, with_rows = true, verifies = true;
  };
  MissingTables(const JobContext& context, DumpReader& dump, const DatabaseDescription& description, Options options)
      : context_(context), dump_(dump), description_(description), options_(options), waiter_(context.stop) {}

  // Those of `names`, and of partitioned ones the partitions, that `live` has not. `problems` gets what they need and
  // what is not there, each with its way out, `notes` what is left out.
  Result<void> Plan(Connection& connection, const LiveTables& live, const std::set<TableName>& names,
                    std::vector<std::string>& problems, std::vector<std::string>& notes);
  const std::vector<MissingTable>& tables() const { return tables_; }
  bool is_empty() const { return tables_.empty(); }
  // Of the database's own: what they refer to, hang on, or are referred to by. To be locked before.
  const std::set<TableName>& neighbours() const { return neighbours_; }

  // Before the transaction: asks pg_restore for the statements.
  Result<void> Prepare();
  // Tables and rows, read again. `settings` are those of the transaction, which the statements change.
  Result<void> Make(Connection& connection, const std::string& settings);
  // Partitions to tables that are there, with their indexes: before foreign keys to those are checked. Once; else
  // Finish.
  Result<void> Attach(Connection& connection, const std::string& settings);
  // Indexes, constraints, triggers, what sequences have come to. After all other rows have come, for foreign keys.
  Result<void> Finish(Connection& connection, const std::string& settings);

 private:
  void Choose(const LiveTables& live, const std::set<TableName>& names);
  void ChooseForeignKeys(const LiveTables& live, std::vector<std::string>& notes);
  Result<void> LookAtNeeds(Connection& connection, std::vector<std::string>& problems, std::vector<std::string>& notes);
  void LookAtReaders(std::vector<std::string>& notes) const;
  bool IsMade(const TableName& name) const;
  std::set<int> AttachedToWhatIsThere() const;
  std::set<int> IndexesBefore(const std::set<int>& attached) const;

  const JobContext& context_;
  DumpReader& dump_;
  const DatabaseDescription& description_;
  const Options options_;
  const stream::Waiter waiter_;
  Bytes archive_;
  Definitions definitions_;
  std::vector<MissingTable> tables_;
  std::set<int> ids_;  // of definitions that are made
  std::set<TableName> neighbours_;
  bool with_tablespaces_ = true;
  std::string before_rows_, after_rows_;  // statements
  std::vector<std::string> attaching_;    // between them, in this order
};

}  // namespace cairn::postgres
