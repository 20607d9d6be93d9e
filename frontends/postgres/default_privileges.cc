#include "frontends/postgres/default_privileges.h"

#include <map>
#include <set>

#include "frontends/postgres/description.h"

namespace cairn::postgres {
namespace {

constexpr const char* kDefaults = R"(
SELECT COALESCE(n.nspname, ''),
       CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
         WHEN 'T' THEN 'TYPES' WHEN 'n' THEN 'SCHEMAS' WHEN 'L' THEN 'LARGE OBJECTS' END,
       CASE WHEN a.grantee = 0 THEN '' ELSE pg_catalog.pg_get_userbyid(a.grantee) END, a.privilege_type, a.is_grantable
FROM pg_catalog.pg_default_acl d
LEFT JOIN pg_catalog.pg_namespace n ON n.oid = d.defaclnamespace
LEFT JOIN LATERAL pg_catalog.aclexplode(d.defaclacl) a ON true
WHERE d.defaclrole = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user))";

}  // namespace

Result<DefaultPrivileges> DefaultPrivileges::Read(Connection& connection) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kDefaults));
  DefaultPrivileges defaults;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> grantees;  // by schema and kind
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows.IsNull(i, 1)) continue;  // a kind that is not known is none that a dump has
    auto& of_these = grantees[{rows.String(i, 0), rows.String(i, 1)}];
    if (!rows.IsNull(i, 3)) of_these.insert(rows.String(i, 2));
  }
  const auto role = [](const std::string& name) { return name.empty() ? std::string("PUBLIC") : QuoteName(name); };
  const auto head = [](const std::string& schema) {
    return "ALTER DEFAULT PRIVILEGES " + (schema.empty() ? "" : "IN SCHEMA " + QuoteName(schema) + " ");
  };
  const std::string user = QuoteName(connection.user());
  for (const auto& [place, of_these] : grantees) {
    const auto& [schema, kind] = place;
    for (const std::string& one : of_these) {
      defaults.suspend.push_back(head(schema) + "REVOKE ALL ON " + kind + " FROM " + role(one));
    }
    if (!schema.empty()) continue;
    // Without a schema they take the place of what the server has by itself.
    const bool is_for_all = kind == "FUNCTIONS" || kind == "TYPES";
    defaults.suspend.push_back(head(schema) + "GRANT ALL ON " + kind + " TO " + user);
    if (is_for_all) defaults.suspend.push_back(head(schema) + "GRANT ALL ON " + kind + " TO PUBLIC");
    defaults.resume.push_back(head(schema) + "REVOKE ALL ON " + kind + " FROM " + user);
    if (is_for_all) defaults.resume.push_back(head(schema) + "REVOKE ALL ON " + kind + " FROM PUBLIC");
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows.IsNull(i, 1) || rows.IsNull(i, 3)) continue;
    RETURN_IF_ERROR(NeedPrivilege(rows.String(i, 3)));
    defaults.resume.push_back(head(rows.String(i, 0)) + "GRANT " + rows.String(i, 3) + " ON " + rows.String(i, 1) +
                              " TO " + role(rows.String(i, 2)) + (rows.Flag(i, 4) ? " WITH GRANT OPTION" : ""));
  }
  return defaults;
}

}  // namespace cairn::postgres
