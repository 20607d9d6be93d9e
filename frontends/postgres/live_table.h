// A table of a database in use, as a restore of rows into it has to know it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "frontends/postgres/catalog.h"

namespace cairn::postgres {

struct ForeignKey {
  uint64_t oid = 0;
  std::string name;
  TableName table, parent;
  std::vector<std::string> columns, parent_columns;  // as many
  std::string definition;                            // as pg_get_constraintdef gives it
  std::string comment;
  bool is_inherited = false;  // of a partition: its parent's, which comes and goes with that
};

// Or a rule that rewrites INSERT: neither shall come into play when rows are brought back.
struct UserTrigger {
  std::string name;
  char enabled = 'O';  // pg_trigger.tgenabled, pg_rewrite.ev_enabled: O, R, A; those that are off are not listed
  bool is_rule = false;
};

struct LiveTable {
  TableListing listing;
  std::map<std::string, std::string> equals;  // by column: the operator by which values of its type are equal
  std::vector<UserTrigger> triggers;
  const Column* Find(const std::string& column) const;
};

// All user tables by name, and all foreign keys of the database.
struct LiveTables {
  std::map<TableName, LiveTable> tables;
  std::vector<ForeignKey> foreign_keys;
};
Result<LiveTables> ReadLiveTables(Connection& connection);

}  // namespace cairn::postgres
