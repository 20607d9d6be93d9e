#include "frontends/postgres/catalog.h"

#include <algorithm>
#include <unordered_map>

namespace cairn::postgres {
namespace {

constexpr size_t kSequencesAtOnce = 200;

// What belongs to an extension is made by CREATE EXTENSION, but for what it calls its user's configuration.
constexpr const char* kTables = R"(
SELECT c.oid, n.nspname, c.relname, c.relkind, c.relpersistence,
       GREATEST(c.reltuples, 0)::bigint,
       pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       c.relrowsecurity AND pg_catalog.row_security_active(c.oid),
       configuration.condition IS NOT NULL, configuration.condition,
       (SELECT root.relname FROM pg_catalog.pg_class root
        WHERE c.relispartition AND root.oid = pg_catalog.pg_partition_root(c.oid)),
       (SELECT space.nspname FROM pg_catalog.pg_class root
        JOIN pg_catalog.pg_namespace space ON space.oid = root.relnamespace
        WHERE c.relispartition AND root.oid = pg_catalog.pg_partition_root(c.oid))
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend d
  ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
LEFT JOIN LATERAL (
  SELECT e.extcondition[i] AS condition FROM pg_catalog.generate_subscripts(e.extconfig, 1) AS i
  WHERE e.extconfig[i] = c.oid) configuration ON true
WHERE c.relkind IN ('r', 'p', 'f', 'm') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND (e.oid IS NULL OR configuration.condition IS NOT NULL)
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C")";

constexpr const char* kColumns = R"(
SELECT a.attrelid, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '',
       CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' ELSE '' END,
       pg_catalog.format_type(a.atttypid, -1)
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f', 'm') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY a.attrelid, a.attnum)";

constexpr const char* kKeys = R"(
SELECT i.indrelid, a.attname
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k(number, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
WHERE i.indisprimary AND k.place <= i.indnkeyatts
ORDER BY i.indrelid, k.place)";

constexpr const char* kSequences = R"(
SELECT n.nspname, c.relname, pg_catalog.has_sequence_privilege(c.oid, 'SELECT'), owner.nspname, owner.relname
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT space.nspname, t.relname FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
  JOIN pg_catalog.pg_namespace space ON space.oid = t.relnamespace
  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.objsubid = 0
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
  LIMIT 1) owner ON true
WHERE c.relkind = 'S' AND c.relpersistence <> 't'
  AND NOT (c.relpersistence = 'u' AND pg_catalog.pg_is_in_recovery())
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e'
      AND NOT COALESCE(c.oid = ANY (e.extconfig), false))
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C")";

constexpr const char* kRolesUsed = R"(
SELECT DISTINCT r.rolname COLLATE "C"
FROM pg_catalog.pg_shdepend s
JOIN pg_catalog.pg_roles r ON s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass AND r.oid = s.refobjid
JOIN pg_catalog.pg_database d ON d.datname = pg_catalog.current_database()
WHERE s.dbid = d.oid OR (s.dbid = 0 AND s.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND s.objid = d.oid)
UNION SELECT pg_catalog.pg_get_userbyid(datdba) COLLATE "C" FROM pg_catalog.pg_database
WHERE datname = pg_catalog.current_database()
ORDER BY 1)";

// The bootstrap superuser is no shared dependency: rows above lack it, and it is there on every server.
std::string GrantsOf(const std::string& list) {
  return "SELECT CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END, a.privilege_type, "
         "a.is_grantable FROM pg_catalog.aclexplode(" +
         list + ") a";
}

std::vector<Grant> ToGrants(const Rows& rows) {
  std::vector<Grant> grants;
  for (size_t i = 0; i < rows.size(); ++i) grants.push_back({rows.String(i, 0), rows.String(i, 1), rows.Flag(i, 2)});
  return grants;
}

NoRows NoRowsOf(std::string_view kind, bool is_unlogged, bool is_standby) {
  if (kind == "p") return NoRows::kPartitioned;
  if (kind == "f") return NoRows::kForeign;
  if (kind == "m") return NoRows::kMaterialized;
  return is_unlogged && is_standby ? NoRows::kUnloggedOnStandby : NoRows::kHasRows;
}

}  // namespace

Result<std::vector<DatabaseListing>> ListDatabases(Connection& connection) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(R"(
SELECT d.datname, pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_encoding_to_char(d.encoding),
       CASE WHEN pg_catalog.has_database_privilege(d.datname, 'CONNECT') THEN pg_catalog.pg_database_size(d.oid) END,
       pg_catalog.shobj_description(d.oid, 'pg_database')
FROM pg_catalog.pg_database d WHERE d.datallowconn AND NOT d.datistemplate ORDER BY d.datname COLLATE "C")"));
  std::vector<DatabaseListing> databases;
  for (size_t i = 0; i < rows.size(); ++i) {
    databases.push_back({rows.String(i, 0), rows.String(i, 1), rows.String(i, 2),
                         static_cast<uint64_t>(rows.Number(i, 3)), rows.String(i, 4)});
  }
  return databases;
}

Result<std::vector<TableListing>> ListTables(Connection& connection) {
  ASSIGN_OR_RETURN(const std::string recovery, connection.Value("SELECT pg_catalog.pg_is_in_recovery()"));
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kTables));
  std::vector<TableListing> tables(rows.size());
  std::unordered_map<uint64_t, TableListing*> by_oid;
  for (size_t i = 0; i < rows.size(); ++i) {
    TableListing& one = tables[i];
    one.oid = static_cast<uint64_t>(rows.Number(i, 0));
    one.table.name = {rows.String(i, 1), rows.String(i, 2)};
    one.table.is_unlogged = rows.Text(i, 4) == "u";
    one.table.no_rows = NoRowsOf(rows.Text(i, 3), one.table.is_unlogged, recovery == "t");
    one.rows_about = static_cast<uint64_t>(rows.Number(i, 5));
    one.may_read = rows.Flag(i, 6);
    one.hides_rows = rows.Flag(i, 7);
    if (rows.Flag(i, 8)) one.table.condition = rows.String(i, 9);
    if (!rows.IsNull(i, 10)) one.partition_of = TableName{rows.String(i, 11), rows.String(i, 10)};
    by_oid[one.oid] = &one;
  }
  ASSIGN_OR_RETURN(const Rows columns, connection.Query(kColumns));
  for (size_t i = 0; i < columns.size(); ++i) {
    const auto found = by_oid.find(static_cast<uint64_t>(columns.Number(i, 0)));
    if (found == by_oid.end()) continue;
    found->second->table.columns.push_back({columns.String(i, 1), columns.String(i, 2), columns.Flag(i, 3),
                                            columns.Flag(i, 4), columns.String(i, 5), columns.String(i, 6)});
  }
  ASSIGN_OR_RETURN(const Rows keys, connection.Query(kKeys));
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto found = by_oid.find(static_cast<uint64_t>(keys.Number(i, 0)));
    if (found != by_oid.end()) found->second->table.key.push_back(keys.String(i, 1));
  }
  return tables;
}

Result<void> ReadSizes(Connection& connection, std::vector<TableListing>& tables) {
  std::string oids;
  std::unordered_map<uint64_t, TableListing*> by_oid;
  for (TableListing& one : tables) {
    if (one.table.no_rows != NoRows::kHasRows && one.table.no_rows != NoRows::kMaterialized) continue;
    oids += (oids.empty() ? "" : ",") + std::to_string(one.oid);
    by_oid[one.oid] = &one;
  }
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query("SELECT oid, pg_catalog.pg_table_size(oid) FROM pg_catalog.unnest('{" + oids +
                                    "}'::oid[]) AS oid"));
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto found = by_oid.find(static_cast<uint64_t>(rows.Number(i, 0)));
    if (found != by_oid.end()) found->second->bytes = static_cast<uint64_t>(rows.Number(i, 1));
  }
  return {};
}

Result<std::vector<SequenceName>> ListSequences(Connection& connection) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kSequences));
  std::vector<SequenceName> names;
  for (size_t i = 0; i < rows.size(); ++i) {
    SequenceName one{.name = {rows.String(i, 0), rows.String(i, 1)}, .owner = {}, .may_read = rows.Flag(i, 2)};
    if (!rows.IsNull(i, 4)) one.owner = TableName{rows.String(i, 3), rows.String(i, 4)};
    names.push_back(std::move(one));
  }
  return names;
}

Result<std::vector<SequenceDescription>> ReadSequences(Connection& connection, const std::vector<SequenceName>& names) {
  std::vector<SequenceDescription> sequences;
  for (size_t begin = 0; begin < names.size(); begin += kSequencesAtOnce) {
    std::string statement;
    const size_t end = std::min(begin + kSequencesAtOnce, names.size());
    for (size_t i = begin; i < end; ++i) {
      statement += (i == begin ? "" : " UNION ALL ") + std::string("SELECT ") + std::to_string(i) +
                   ", last_value, is_called FROM " + names[i].name.Quoted();
    }
    ASSIGN_OR_RETURN(const Rows rows, connection.Query(statement));
    for (size_t i = 0; i < rows.size(); ++i) {
      const auto number = static_cast<size_t>(rows.Number(i, 0));
      if (number < names.size()) sequences.push_back({names[number].name, rows.Number(i, 1), rows.Flag(i, 2)});
    }
  }
  return sequences;
}

Result<std::vector<LargeObject>> ListLargeObjects(Connection& connection) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(R"(
SELECT m.oid, pg_catalog.pg_get_userbyid(m.lomowner), m.lomacl IS NOT NULL,
       pg_catalog.obj_description(m.oid, 'pg_largeobject')
FROM pg_catalog.pg_largeobject_metadata m ORDER BY m.oid)"));
  std::vector<LargeObject> objects;
  for (size_t i = 0; i < rows.size(); ++i) {
    LargeObject object;
    object.oid = static_cast<uint64_t>(rows.Number(i, 0));
    object.owner = rows.String(i, 1);
    if (!rows.IsNull(i, 3)) object.comment = rows.String(i, 3);
    if (rows.Flag(i, 2)) {
      ASSIGN_OR_RETURN(const Rows grants,
                       connection.Query(GrantsOf("(SELECT lomacl FROM pg_catalog.pg_largeobject_metadata WHERE oid = " +
                                                 rows.String(i, 0) + ")")));
      object.grants = ToGrants(grants);
    }
    objects.push_back(std::move(object));
  }
  return objects;
}

Result<DatabaseProperties> ReadProperties(Connection& connection) {
  const int version = connection.server_version();
  const std::string provider = version >= 150000 ? "datlocprovider" : "'c'";
  const std::string locale = version >= 170000 ? "datlocale" : version >= 150000 ? "daticulocale" : "NULL";
  const std::string rules = version >= 160000 ? "daticurules" : "NULL";
  const std::string collation = version >= 150000 ? "datcollversion" : "NULL";
  ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Query("SELECT datname, pg_catalog.pg_get_userbyid(datdba), pg_catalog.pg_encoding_to_char(encoding), "
                       "datcollate, datctype, " +
                       provider + ", " + locale + ", " + rules + ", " + collation +
                       ", datconnlimit, datacl IS NOT NULL, pg_catalog.shobj_description(oid, 'pg_database'), oid "
                       "FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()"));
  if (rows.size() != 1) return MakeError(ErrorCode::kNotFound, "{} is not in its own catalog", connection.database());
  DatabaseProperties properties;
  properties.name = rows.String(0, 0);
  properties.owner = rows.String(0, 1);
  properties.encoding = rows.String(0, 2);
  properties.collate = rows.String(0, 3);
  properties.ctype = rows.String(0, 4);
  properties.provider = rows.Text(0, 5) == "i" ? "icu" : rows.Text(0, 5) == "b" ? "builtin" : "libc";
  properties.locale = rows.String(0, 6);
  properties.icu_rules = rows.String(0, 7);
  properties.collation_version = rows.String(0, 8);
  properties.connection_limit = rows.Number(0, 9);
  if (!rows.IsNull(0, 11)) properties.comment = rows.String(0, 11);
  const std::string oid = rows.String(0, 12);
  if (rows.Flag(0, 10)) {
    ASSIGN_OR_RETURN(const Rows grants,
                     connection.Query(GrantsOf("(SELECT datacl FROM pg_catalog.pg_database WHERE oid = " + oid + ")")));
    properties.grants = ToGrants(grants);
  }
  ASSIGN_OR_RETURN(const Rows settings, connection.Query(R"(
SELECT CASE WHEN s.setrole = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(s.setrole) END, one
FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) AS one
WHERE s.setdatabase = )" + oid + " ORDER BY 1, 2"));
  for (size_t i = 0; i < settings.size(); ++i) {
    const std::string one = settings.String(i, 1);
    const size_t middle = one.find('=');
    if (middle == std::string::npos) continue;
    properties.settings.push_back({settings.String(i, 0), one.substr(0, middle), one.substr(middle + 1)});
  }
  return properties;
}

Result<std::vector<Extension>> ListExtensions(Connection& connection) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(R"(
SELECT e.extname, e.extversion, n.nspname FROM pg_catalog.pg_extension e
JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace ORDER BY e.extname COLLATE "C")"));
  std::vector<Extension> extensions;
  for (size_t i = 0; i < rows.size(); ++i) {
    extensions.push_back({rows.String(i, 0), rows.String(i, 1), rows.String(i, 2)});
  }
  return extensions;
}

Result<std::vector<std::string>> ListRolesUsed(Connection& connection) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kRolesUsed));
  std::vector<std::string> roles;
  for (size_t i = 0; i < rows.size(); ++i) roles.push_back(rows.String(i, 0));
  return roles;
}

Result<std::string> RolesAsSql(Connection& connection) {
  // Only a superuser sees the hashes of passwords.
  const bool with_passwords = connection.server_text("is_superuser") == "on";
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(std::string(R"(
SELECT r.rolname, r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
       r.rolbypassrls, r.rolconnlimit, r.rolvaliduntil::text, pg_catalog.shobj_description(r.oid, 'pg_authid'), )") +
                                                     (with_passwords ? "r.rolpassword FROM pg_catalog.pg_authid r"
                                                                     : "NULL FROM pg_catalog.pg_roles r") +
                                                     " WHERE r.rolname !~ '^pg_' ORDER BY r.rolname COLLATE \"C\""));
  std::string text = "-- Roles of the server, for psql: those that are there already are passed over with an error.\n";
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string name = QuoteName(rows.Text(i, 0));
    text += "CREATE ROLE " + name + ";\nALTER ROLE " + name + " WITH";
    const auto flag = [&](size_t column, const char* word) {
      text += std::string(rows.Flag(i, column) ? " " : " NO") + word;
    };
    flag(1, "SUPERUSER");
    flag(2, "INHERIT");
    flag(3, "CREATEROLE");
    flag(4, "CREATEDB");
    flag(5, "LOGIN");
    flag(6, "REPLICATION");
    flag(7, "BYPASSRLS");
    if (rows.Number(i, 8) >= 0) text += " CONNECTION LIMIT " + rows.String(i, 8);
    if (!rows.IsNull(i, 9)) text += " VALID UNTIL " + QuoteLiteral(rows.Text(i, 9));
    if (!rows.IsNull(i, 11)) text += " PASSWORD " + QuoteLiteral(rows.Text(i, 11));
    text += ";\n";
    if (!rows.IsNull(i, 10)) text += "COMMENT ON ROLE " + name + " IS " + QuoteLiteral(rows.Text(i, 10)) + ";\n";
  }
  ASSIGN_OR_RETURN(const Rows members, connection.Query(R"(
SELECT pg_catalog.pg_get_userbyid(roleid), pg_catalog.pg_get_userbyid(member), bool_or(admin_option)
FROM pg_catalog.pg_auth_members WHERE pg_catalog.pg_get_userbyid(member) !~ '^pg_'
GROUP BY 1, 2 ORDER BY 1, 2)"));
  for (size_t i = 0; i < members.size(); ++i) {
    text += "GRANT " + QuoteName(members.Text(i, 0)) + " TO " + QuoteName(members.Text(i, 1)) +
            (members.Flag(i, 2) ? " WITH ADMIN OPTION;\n" : ";\n");
  }
  return text;
}

Result<std::string> SystemIdentifier(Connection& connection) {
  ASSIGN_OR_RETURN(
      const std::string may,
      connection.Value("SELECT pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')"));
  if (may != "t") return std::string();
  return connection.Value("SELECT system_identifier FROM pg_catalog.pg_control_system()");
}

}  // namespace cairn::postgres
