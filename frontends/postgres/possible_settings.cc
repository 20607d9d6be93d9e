#include "frontends/postgres/possible_settings.h"

#include <fmt/format.h>

namespace cairn::postgres {
namespace {

// Empty: it can be made.
Result<std::string> WhyNot(Connection& connection, const RoleSetting& setting) {
  const bool knows_grants = connection.server_version() >= 150000;  // of parameters
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query(std::string("SELECT context IN ('superuser', 'superuser-backend') AND NOT ") +
                                        (knows_grants ? "pg_catalog.has_parameter_privilege(name, 'SET')" : "false") +
                                        ", context IN ('internal', 'postmaster', 'sighup') FROM pg_catalog.pg_settings "
                                        "WHERE pg_catalog.lower(name) = pg_catalog.lower($1)",
                                    {setting.name}));
  const bool is_superuser = connection.server_text("is_superuser") == "on";
  // What has a dot in its name is an extension's, which need not be loaded.
  if (rows.size() == 0 && setting.name.find('.') == std::string::npos)
    return std::string("the server does not know it");
  if (rows.size() > 0 && rows.Flag(0, 1)) return std::string("here it is the server's alone");
  if (rows.size() > 0 && rows.Flag(0, 0) && !is_superuser) return std::string("it is a superuser's to make");
  if (setting.role.empty() || is_superuser || setting.role == connection.user()) return std::string();
  ASSIGN_OR_RETURN(
      const Rows roles,
      connection.Query("SELECT r.rolcreaterole AND (pg_catalog.current_setting('server_version_num')::int < "
                       "160000 OR pg_catalog.pg_has_role(other.oid, 'MEMBER WITH ADMIN OPTION')) FROM "
                       "pg_catalog.pg_roles r, pg_catalog.pg_roles other WHERE r.rolname = current_user AND "
                       "other.rolname = $1",
                       {setting.role}));
  const bool administers = roles.size() == 0 || roles.Flag(0, 0);  // one that is not there is told elsewhere
  return administers ? std::string() : "the role " + connection.user() + " does not administer " + setting.role;
}

}  // namespace

Result<DatabaseProperties> PossibleSettings(Connection& connection, DatabaseProperties properties,
                                            std::vector<std::string>& notes) {
  std::vector<RoleSetting> possible;
  for (RoleSetting& setting : properties.settings) {
    ASSIGN_OR_RETURN(const std::string why, WhyNot(connection, setting));
    if (why.empty()) {
      possible.push_back(std::move(setting));
      continue;
    }
    notes.push_back(fmt::format("the database's setting {}{} is left out: {}", setting.name,
                                setting.role.empty() ? "" : " for " + setting.role, why));
  }
  properties.settings = std::move(possible);
  return properties;
}

Result<std::vector<std::string>> ImpossibleTablespaces(Connection& connection, const std::set<std::string>& wanted) {
  std::vector<std::string> impossible;
  for (const std::string& name : wanted) {
    ASSIGN_OR_RETURN(const Rows rows, connection.Query("SELECT pg_catalog.has_tablespace_privilege(oid, 'CREATE') FROM "
                                                       "pg_catalog.pg_tablespace WHERE spcname = $1",
                                                       {name}));
    if (rows.size() == 0 || !rows.Flag(0, 0)) impossible.push_back(name);
  }
  return impossible;
}

}  // namespace cairn::postgres
