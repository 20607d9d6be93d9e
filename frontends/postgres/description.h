// What a dump of a PostgreSQL database says about it: database.json, beside the rows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::postgres {

struct Column {
  std::string name, type;  // the type as format_type writes it
  bool not_null = false;
  bool generated = false;  // the server computes it: not in the rows
  std::string identity;    // "always", "by default", or nothing
  std::string cast_type;   // of a live table: the type without its length, to which a cast cuts nothing; not kept
};

struct TableName {
  std::string schema, name;
  friend auto operator<=>(const TableName&, const TableName&) = default;
  std::string Quoted() const;     // "public"."orders"
  std::string ForPeople() const;  // public.orders
};

// Why a table has no rows in a dump.
enum class NoRows { kHasRows, kPartitioned, kForeign, kMaterialized, kUnloggedOnStandby, kNotChosen };

struct TableDescription {
  TableName name;
  NoRows no_rows = NoRows::kHasRows;
  bool is_unlogged = false;
  std::vector<Column> columns;
  std::vector<std::string> key;          // of the primary key, in its order; empty: none
  std::optional<std::string> condition;  // rows of an extension's configuration: those that are the user's
  bool by_key = false;                   // rows are in the order of the key, else in the table's
  std::string file;                      // below the database's folder; empty where there are no rows
  std::optional<uint64_t> rows;

  // `("a", "b")`: the columns that rows have; empty where that is all that can be said (no columns).
  std::string ColumnList() const;
};

struct SequenceDescription {
  TableName name;
  int64_t last_value = 0;
  bool is_called = false;
};

struct Grant {
  std::string grantee;  // empty: PUBLIC
  std::string privilege;
  bool grantable = false;
};

struct LargeObject {
  uint64_t oid = 0;
  std::string owner;
  std::optional<std::vector<Grant>> grants;  // nothing: as the server's default is
  std::optional<std::string> comment;
};

struct RoleSetting {
  std::string role;  // empty: of all
  std::string name, value;
};

struct DatabaseProperties {
  std::string name, owner, encoding, collate, ctype;
  std::string provider;  // "libc", "icu", "builtin"
  std::string locale, icu_rules, collation_version;
  int64_t connection_limit = -1;
  std::optional<std::vector<Grant>> grants;
  std::optional<std::string> comment;
  std::vector<RoleSetting> settings;
};

struct Extension {
  std::string name, version, schema;
};

struct DatabaseDescription {
  int server_version = 0;     // 150018
  std::string server_text;    // "15.18 (Debian 15.18-0+deb12u1)"
  std::string system;         // the cluster's identifier; empty where it may not be asked for
  int dumped_by = 0;          // pg_dump's major version
  std::string text_encoding;  // of the rows: "UTF8", or "SQL_ASCII": as they are
  bool has_schema = true, has_rows = true;
  std::vector<std::string> chosen, excluded;  // patterns of tables, as given
  DatabaseProperties properties;
  std::vector<Extension> extensions;
  std::vector<std::string> roles;  // that own something in it, or have rights on it
  std::vector<TableDescription> tables;
  std::vector<SequenceDescription> sequences;
  std::vector<LargeObject> large_objects;

  std::string Encode() const;
  // kCorrupt, kUnsupported (a later form).
  static Result<DatabaseDescription> Parse(ByteSpan text);
};

// A privilege goes into SQL as it is: kCorrupt where it is no word in capitals.
Result<void> NeedPrivilege(const std::string& privilege);

// Names of what stands in a dump's folder: SPEC 11.1.
inline constexpr const char* kSchemaFile = "create.pgdump";
inline constexpr const char* kDataFolder = "data";
inline constexpr const char* kTablesFolder = "tables";
inline constexpr const char* kLargeObjectsFolder = "large-objects";
inline constexpr const char* kDescriptionFile = "database.json";
inline constexpr const char* kLoadFile = "load.sql";
inline constexpr const char* kRolesFile = "roles.sql";
// A schema's or table's name as that of a file: what no file system takes, and "%", as %XX.
std::string FileNameOf(const std::string& name);
std::string NameOfFile(const std::string& file);  // its inverse

}  // namespace cairn::postgres
