// SQL that brings staged rows into a table of a database in use. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "frontends/postgres/live_table.h"

namespace cairn::postgres {

// A table whose rows are staged: each column of the dump as text, in a table of the session.
struct StagedTable {
  const TableDescription* dump = nullptr;
  const LiveTable* live = nullptr;
  std::string stage;                 // its name in SQL
  std::vector<std::string> columns;  // that dump and live have, and the server does not compute
  std::vector<std::string> key;      // by which rows are the same
  bool has_own_key = false;          // given by the user: rows of one key may have another primary key here
};
using StagedTables = std::map<TableName, StagedTable>;

// SQL for one staged table among others. Borrows them.
class MergeStatement {
 public:
  MergeStatement(const StagedTables& all, const LiveTables& live, const StagedTable& table);

  // Makes the stage, empty.
  std::string MakeStage() const;
  // All of them, into a table that was emptied: rows for rows.
  std::string InsertAll() const;
  // Those whose key is not there and whose parents are. To be repeated, over all tables, until nothing is inserted: a
  // parent may come with the next.
  std::string InsertMissing() const;
  // How many have no value in a column of the key; are there already; could not come for want of a parent.
  std::string CountWithoutKey() const;
  std::string CountPresent() const;
  std::string CountOrphans() const;
  // The keys of some that are neither there nor could come, as text.
  std::string SampleLeftOut(unsigned rows) const;
  // The key of two rows that have the same, of the stage or of the table: a key that is given must tell rows apart.
  std::string FindSharedKey(bool in_stage) const;
  // After InsertAll, which a rule or a trigger may have led elsewhere: staged rows that the table has not, by the
  // columns whose type is the same. Nothing: there is no such column.
  std::optional<std::string> CountDifferences() const;
  // Columns that take their values from a sequence: name, sequence. Raises that to what is in the table at least.
  std::string SerialColumns() const;
  std::string RaiseSequence(const std::string& column, const std::string& sequence) const;

 private:
  std::string Value(const std::string& column) const;  // of the staged row s, as the live column's type
  std::string KeyMatches() const;                      // the live row l is the staged row s
  std::string HasKey() const;
  std::string ParentsAreThere() const;
  std::string ParentIsThere(const ForeignKey& key) const;
  std::string Columns() const;
  std::string Values() const;
  std::string Equals(const LiveTable& table, const std::string& column) const;
  // The staged row's parent has another primary key here, by which it is found.
  const StagedTable* Remapped(const ForeignKey& key) const;

  const StagedTables& all_;
  const StagedTable& table_;
  std::vector<const ForeignKey*> foreign_keys_;
};

}  // namespace cairn::postgres
