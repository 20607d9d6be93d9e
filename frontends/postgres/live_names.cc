#include "frontends/postgres/live_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace cairn::postgres {
namespace {

// Functions with their arguments as pg_dump writes them.
constexpr const char* kNames = R"(
SELECT 'schema', '', nspname FROM pg_catalog.pg_namespace
UNION ALL SELECT 'extension', '', extname FROM pg_catalog.pg_extension
UNION ALL SELECT 'role', '', rolname FROM pg_catalog.pg_roles
UNION ALL SELECT 'publication', '', pubname FROM pg_catalog.pg_publication
UNION ALL SELECT 'relation', n.nspname, c.relname FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname !~ '^pg_' AND c.relkind <> 'c'
UNION ALL SELECT 'type', n.nspname, t.typname FROM pg_catalog.pg_type t
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname !~ '^pg_'
UNION ALL SELECT 'collation', n.nspname, c.collname FROM pg_catalog.pg_collation c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.collnamespace WHERE n.nspname !~ '^pg_'
UNION ALL SELECT 'function', n.nspname, p.proname || '(' || CASE WHEN p.prokind = 'a' AND p.pronargs = 0 THEN '*' ELSE
    pg_catalog.array_to_string(ARRAY(SELECT pg_catalog.format_type(a.type, NULL)
      FROM pg_catalog.unnest(p.proargtypes) WITH ORDINALITY AS a(type, place) ORDER BY a.place), ', ') END || ')'
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_')";

const std::map<std::string, std::string>& Groups() {
  static const std::map<std::string, std::string> kGroups = {{"SCHEMA", "schema"},
                                                             {"EXTENSION", "extension"},
                                                             {"PUBLICATION", "publication"},
                                                             {"TABLE", "relation"},
                                                             {"FOREIGN TABLE", "relation"},
                                                             {"VIEW", "relation"},
                                                             {"SEQUENCE", "relation"},
                                                             {"MATERIALIZED VIEW", "relation"},
                                                             {"INDEX", "relation"},
                                                             {"TYPE", "type"},
                                                             {"DOMAIN", "type"},
                                                             {"SHELL TYPE", "type"},
                                                             {"COLLATION", "collation"},
                                                             {"FUNCTION", "function"},
                                                             {"PROCEDURE", "function"},
                                                             {"AGGREGATE", "function"}};
  return kGroups;
}

// As pg_dump writes a role's name where it can.
bool IsGrantedTo(const std::string& create, const std::string& role) {
  for (const std::string& name : {role, QuoteName(role)}) {
    for (const char* end : {";", " WITH GRANT OPTION;"}) {
      if (create.find(" TO " + name + end) != std::string::npos) return true;
    }
  }
  return false;
}

constexpr size_t kNamedMax = 10;

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamedMax); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamedMax) text += fmt::format(" and {} more", names.size() - kNamedMax);
  return text;
}

}  // namespace

Result<LiveNames> LiveNames::Read(Connection& connection) {
  ASSIGN_OR_RETURN(const Rows rows, connection.Query(kNames));
  LiveNames live;
  for (size_t i = 0; i < rows.size(); ++i)
    live.names_.insert({rows.String(i, 0), rows.String(i, 1), rows.String(i, 2)});
  return live;
}

std::optional<bool> LiveNames::Has(const Definition& one) const {
  const auto group = Groups().find(one.kind);
  if (group == Groups().end()) return std::nullopt;
  return names_.contains({group->second, one.schema, one.name});
}

Result<std::vector<std::string>> ProblemsOfRoles(Connection& connection, const std::set<std::string>& needed,
                                                 const std::set<std::string>& owners) {
  ASSIGN_OR_RETURN(const Rows rows,
                   connection.Query("SELECT rolname, pg_catalog.pg_has_role(oid, 'MEMBER') FROM pg_catalog.pg_roles"));
  std::map<std::string, bool> there;  // whether this role may act for it
  for (size_t i = 0; i < rows.size(); ++i) there[rows.String(i, 0)] = rows.Flag(i, 1);
  std::vector<std::string> missing, not_acted_for, problems;
  std::set<std::string> all = needed;
  all.insert(owners.begin(), owners.end());
  for (const std::string& role : all) {
    const auto found = there.find(role);
    if (found == there.end()) {
      missing.push_back(role);
    } else if (owners.contains(role) && !found->second) {
      not_acted_for.push_back(role);
    }
  }
  if (!missing.empty()) {
    problems.push_back(
        fmt::format("the server has no role {}: make it (roles.sql in the snapshot has the statements: cairn dump "
                    "SNAPSHOT:roles.sql), or restore with --no-owner",
                    Listed(missing)));
  }
  if (!not_acted_for.empty()) {
    problems.push_back(
        fmt::format("the role {} may not act for {}, to whom things of the dump belong: take a role that "
                    "is a member, or restore with --no-owner",
                    connection.user(), Listed(not_acted_for)));
  }
  return problems;
}

std::set<std::string> OwnersOf(const Definitions& definitions, const std::set<int>& ids) {
  std::set<std::string> owners;
  for (const int id : ids) {
    const Definition* one = definitions.Find(id);
    if (one != nullptr && !one->owner.empty()) owners.insert(one->owner);
  }
  return owners;
}

std::set<std::string> GranteesOf(const Definitions& definitions, const std::set<int>& ids,
                                 const std::vector<std::string>& known) {
  std::set<std::string> grantees;
  for (const int id : ids) {
    const Definition* one = definitions.Find(id);
    if (one == nullptr || (one->kind != "ACL" && one->kind != "DEFAULT ACL")) continue;
    for (const std::string& role : known) {
      if (IsGrantedTo(one->create, role)) grantees.insert(role);
    }
  }
  return grantees;
}

}  // namespace cairn::postgres
