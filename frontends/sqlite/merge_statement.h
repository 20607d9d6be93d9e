// SQL that brings the rows of a database that is attached as "staged" into a table of the one in use, "main". Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "frontends/sqlite/schema.h"

namespace cairn::sqlite {

inline constexpr const char* kStaged = "staged";

struct StagedTable {
  const Table* staged = nullptr;
  const Table* live = nullptr;       // of one that is made: as it will be, the same
  std::vector<std::string> columns;  // that both have, and the database in use does not compute; as that calls them
  std::vector<std::string> key;      // by which rows are the same, of a merge
  bool has_own_key = false;          // given by the user: rows of one key may have another number here
  // Where all rows are replaced: the number of a row comes by itself, for no column that both have is it.
  bool keeps_rowid() const;
  // Whether a column that both have keeps values as they are: of another type it makes others of them.
  bool keeps_values(const std::string& column) const;
};
using StagedTables = std::map<std::string, StagedTable>;  // by folded name

// SQL for one staged table among others, on a connection without foreign keys and triggers. Borrows them.
class MergeStatement {
 public:
  MergeStatement(const StagedTables& all, const Schema& live, const StagedTable& table);

  // All of them, into a table that was emptied: rows for rows, in their order, with the numbers that they had.
  std::string InsertAll() const;
  // Those whose key is not there and whose parents are. To be repeated, over all tables, until nothing is inserted: a
  // parent may come with the next.
  std::string InsertMissing() const;
  // Of those that InsertMissing leaves, whose number another row has here: with a new one. Nothing: the number is what
  // rows are the same by.
  std::optional<std::string> InsertRenumbered() const;
  // How many have no value in a column of the key; are there already; could not come for want of a parent.
  std::string CountWithoutKey() const;
  std::string CountPresent() const;
  std::string CountOrphans() const;
  // The keys of some that are neither there nor could come, as text.
  std::string SampleLeftOut(unsigned rows) const;
  // The key of two rows that have the same, of the staged table or of the one here, as this compares it.
  std::string FindSharedKey(bool in_staged) const;
  // An index of the table here by its key, which InsertMissing looks at row by row.
  std::string MakeKeyIndex(const std::string& name) const;
  // The same columns of both tables, as their rows are to be compared after InsertAll: those of the same type, and the
  // number of the row where it was kept.
  std::string SelectStaged() const;
  std::string SelectLive() const;

 private:
  std::string Value(const std::string& column) const;       // of the staged row s
  std::string Equals(const std::string& live_alias) const;  // the live row of that alias is the staged row s
  std::string HasKey() const;
  std::string ParentsAreThere() const;
  std::string ParentIsThere(const ForeignKey& key) const;
  std::string IsMissing() const;
  std::string Insert(const char* conflict, const std::vector<std::string>& columns, const std::string& where) const;
  bool KeepsRowid() const;  // which is no column
  std::string RowidOf(const Table& table) const;
  std::vector<std::string> Compared() const;
  // The staged row's parent may have another number here, by which it is found.
  const StagedTable* Remapped(const ForeignKey& key) const;

  const StagedTables& all_;
  const Schema& live_;
  const StagedTable& table_;
  const std::string live_name_, staged_name_;  // in SQL
  std::vector<const ForeignKey*> foreign_keys_;
};

}  // namespace cairn::sqlite
