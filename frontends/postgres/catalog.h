// What a database has, read from its catalog.
#pragma once

#include <string>
#include <vector>

#include "frontends/postgres/connection.h"
#include "frontends/postgres/description.h"

namespace cairn::postgres {

struct DatabaseListing {
  std::string name, owner, encoding;
  uint64_t bytes = 0;
  std::string comment;
};
// Those that can be connected to, but for templates; ascending by name.
Result<std::vector<DatabaseListing>> ListDatabases(Connection& connection);

struct TableListing {
  TableDescription table;
  uint64_t oid = 0;
  uint64_t bytes = 0;                     // by ReadSizes: rows, with long values that are stored apart, without indexes
  uint64_t rows_about = 0;                // as the server estimates
  std::optional<TableName> partition_of;  // the topmost partitioned table
  bool may_read = false;
  bool hides_rows = false;  // policies decide which rows this role sees
};
// All user tables, partitioned ones, foreign ones and materialised views, with columns and keys; an extension's only
// where the extension says that rows in them are the user's. Ascending by schema and name. Waits for no lock.
Result<std::vector<TableListing>> ListTables(Connection& connection);
// On the server's disk, now. Waits for who has locked one of them.
Result<void> ReadSizes(Connection& connection, std::vector<TableListing>& tables);

struct SequenceName {
  TableName name;
  std::optional<TableName> owner;  // the table that it belongs to
  bool may_read = false;
};
Result<std::vector<SequenceName>> ListSequences(Connection& connection);
// Their values now: no transaction holds them.
Result<std::vector<SequenceDescription>> ReadSequences(Connection& connection, const std::vector<SequenceName>& names);
Result<std::vector<LargeObject>> ListLargeObjects(Connection& connection);
Result<DatabaseProperties> ReadProperties(Connection& connection);
Result<std::vector<Extension>> ListExtensions(Connection& connection);
// That own something in this database, or have rights on it or in it.
Result<std::vector<std::string>> ListRolesUsed(Connection& connection);
// Statements that make the cluster's roles, as SQL; with the hashes of their passwords where this role may see them.
Result<std::string> RolesAsSql(Connection& connection);
Result<std::string> SystemIdentifier(Connection& connection);  // "" where it may not be asked for

}  // namespace cairn::postgres
