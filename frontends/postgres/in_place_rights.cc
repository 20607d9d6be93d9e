#include "frontends/postgres/in_place_rights.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "frontends/postgres/catalog.h"
#include "frontends/postgres/live_names.h"

namespace cairn::postgres {
namespace {

constexpr size_t kNamedMax = 10;
constexpr uint64_t kLocksOfTable = 4;  // itself, what keeps its long values, that one's index, its key
constexpr uint64_t kLocksOfLargeObject = 2;

std::string Listed(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), kNamedMax); ++i) text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kNamedMax) text += fmt::format(" and {} more", names.size() - kNamedMax);
  return text;
}

}  // namespace

Result<void> InPlaceRights::Look() {
  RETURN_IF_ERROR(LookAtOwners());
  RETURN_IF_ERROR(LookAtKept());
  RETURN_IF_ERROR(LookAtSchemas());
  RETURN_IF_ERROR(LookAtExtensions());
  return LookAtLocks();
}

// What is not made again gets rows, or a value, all the same.
Result<void> InPlaceRights::LookAtKept() {
  for (const Definition& one : of_.live.all()) {
    if (one.kind != "EVENT TRIGGER" || of_.changes.dropped.contains(one.id)) continue;
    notes_.push_back(fmt::format("the {} fires while things are dropped and made", one.ForPeople()));
  }
  RETURN_IF_ERROR(LookAtSubscriptions());
  if (!of_.with_rows) return {};
  const bool is_superuser = of_.connection.server_text("is_superuser") == "on";
  if (!of_.description.large_objects.empty() && !is_superuser) {
    notes_.emplace_back(
        "large objects can be locked by a superuser alone: what is written into one while this goes on may be lost");
  }
  std::vector<std::string> not_ours;
  const auto ask = [&](const std::string& question, const TableName& name) -> Result<void> {
    ASSIGN_OR_RETURN(const Rows rows,
                     of_.connection.Query("SELECT pg_catalog." + question +
                                              " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
                                              "c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
                                          {name.schema, name.name}));
    if (rows.size() > 0 && !rows.Flag(0, 0)) not_ours.push_back(name.ForPeople());
    return {};
  };
  for (const SequenceDescription& sequence : of_.description.sequences) {
    const bool is_made = std::ranges::any_of(of_.changes.made, [&](int id) {
      const Definition& one = *of_.dump.Find(id);
      return one.kind == "SEQUENCE" && one.schema == sequence.name.schema && one.name == sequence.name.name;
    });
    // Who may write it could set it, and could not have that undone with the transaction.
    if (!is_made) RETURN_IF_ERROR(ask("pg_has_role(c.relowner, 'USAGE')", sequence.name));
  }
  for (const TableDescription& table : of_.description.tables) {
    if (!table.condition) continue;
    for (const char* right : {"SELECT", "INSERT", "DELETE"}) {
      RETURN_IF_ERROR(ask("has_table_privilege(c.oid, " + QuoteLiteral(right) + ")", table.name));
    }
  }
  if (not_ours.empty()) return {};
  problems_.push_back(fmt::format("the role {} may not write {}, which others own: take a role that may",
                                  of_.connection.user(), Listed(not_ours)));
  return {};
}

// DROP TABLE takes a table out of its subscription without a word, and no definition says that it was in one.
Result<void> InPlaceRights::LookAtSubscriptions() {
  ASSIGN_OR_RETURN(const Rows rows, of_.connection.Query(R"(
SELECT DISTINCT n.nspname, c.relname FROM pg_catalog.pg_subscription_rel r
JOIN pg_catalog.pg_class c ON c.oid = r.srrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2)"));
  std::vector<std::string> fed;
  for (size_t i = 0; i < rows.size(); ++i) {
    const TableName name{rows.String(i, 0), rows.String(i, 1)};
    const Definition* table = of_.live.FindTable(name);
    if (table != nullptr && of_.changes.dropped.contains(table->id)) fed.push_back(name.ForPeople());
  }
  if (fed.empty()) return {};
  notes_.push_back(fmt::format(
      "subscriptions of {} end with it: ALTER SUBSCRIPTION ... REFRESH PUBLICATION takes them up again, and "
      "copies all rows where it is not told WITH (copy_data = false)",
      Listed(fed)));
  return {};
}

Result<void> InPlaceRights::LookAtOwners() {
  // What its owner is a member of.
  ASSIGN_OR_RETURN(const Rows rows, of_.connection.Query("SELECT rolname FROM pg_catalog.pg_roles WHERE NOT "
                                                         "pg_catalog.pg_has_role(oid, 'USAGE')"));
  std::set<std::string> others;
  for (size_t i = 0; i < rows.size(); ++i) others.insert(rows.String(i, 0));
  std::vector<std::string> not_ours;
  for (const int id : of_.changes.dropped) {
    const Definition& one = *of_.live.Find(id);
    if (of_.live.IsRoot(one) && others.contains(one.owner)) not_ours.push_back(one.ForPeople() + " of " + one.owner);
  }
  if (of_.with_rows) {
    ASSIGN_OR_RETURN(const auto objects, ListLargeObjects(of_.connection));
    uint64_t staying = 0;
    for (const LargeObject& object : objects) {
      const bool is_the_dumps = std::ranges::find(of_.description.large_objects, object.oid, &LargeObject::oid) !=
                                of_.description.large_objects.end();
      if (!is_the_dumps) ++staying;
      if (is_the_dumps && others.contains(object.owner)) {
        not_ours.push_back(fmt::format("LARGE OBJECT {} of {}", object.oid, object.owner));
      }
    }
    if (staying > 0) notes_.push_back(fmt::format("the dump has not, and they stay: {} large objects", staying));
  }
  if (!not_ours.empty()) {
    problems_.push_back(
        fmt::format("the role {} may not drop what belongs to others: {}; take a role that is a "
                    "member of theirs, or a superuser",
                    of_.connection.user(), Listed(not_ours)));
  }
  if (!of_.with_owners) return {};
  std::set<std::string> owners = OwnersOf(of_.dump, of_.changes.made);
  if (of_.with_rows) {
    for (const LargeObject& object : of_.description.large_objects) owners.insert(object.owner);
  }
  ASSIGN_OR_RETURN(
      const auto problems,
      ProblemsOfRoles(of_.connection, GranteesOf(of_.dump, of_.changes.made, of_.description.roles), owners));
  problems_.insert(problems_.end(), problems.begin(), problems.end());
  return {};
}

Result<void> InPlaceRights::LookAtSchemas() {
  std::set<std::string> needed, made;
  for (const int id : of_.changes.made) {
    const Definition& one = *of_.dump.Find(id);
    if (one.kind == "SCHEMA") made.insert(one.name);
    if (!one.schema.empty() && of_.dump.IsRoot(one)) needed.insert(one.schema);
  }
  ASSIGN_OR_RETURN(const Rows rows,
                   of_.connection.Query("SELECT nspname, pg_catalog.has_schema_privilege(oid, 'CREATE') "
                                        "FROM pg_catalog.pg_namespace"));
  std::map<std::string, bool> there;
  for (size_t i = 0; i < rows.size(); ++i) there[rows.String(i, 0)] = rows.Flag(i, 1);
  ASSIGN_OR_RETURN(const std::string may, of_.connection.Value("SELECT pg_catalog.has_database_privilege("
                                                               "pg_catalog.current_database(), 'CREATE')"));
  if (!made.empty() && may != "t") {
    problems_.push_back(fmt::format("the role {} may not make the schema {} in {}: GRANT CREATE ON DATABASE {} TO {}",
                                    of_.connection.user(), Listed({made.begin(), made.end()}),
                                    of_.connection.database(), QuoteName(of_.connection.database()),
                                    QuoteName(of_.connection.user())));
  }
  for (const std::string& schema : needed) {
    const auto found = there.find(schema);
    if (made.contains(schema) || (found != there.end() && found->second)) continue;
    problems_.push_back(
        found == there.end()
            ? fmt::format("{} has no schema {}, and the dump not its definition: make it there first",
                          of_.connection.database(), schema)
            : fmt::format("the role {} may make nothing in the schema {}: GRANT CREATE ON SCHEMA {} TO {}",
                          of_.connection.user(), schema, QuoteName(schema), QuoteName(of_.connection.user())));
  }
  return {};
}

Result<void> InPlaceRights::LookAtExtensions() {
  ASSIGN_OR_RETURN(const Rows rows, of_.connection.Query(R"(
SELECT name, bool_or(trusted OR NOT superuser) FROM pg_catalog.pg_available_extension_versions GROUP BY name)"));
  std::map<std::string, bool> available;
  for (size_t i = 0; i < rows.size(); ++i) available[rows.String(i, 0)] = rows.Flag(i, 1);
  const bool is_superuser = of_.connection.server_text("is_superuser") == "on";
  for (const int id : of_.changes.made) {
    const Definition& one = *of_.dump.Find(id);
    const bool is_for_superusers = one.kind == "EVENT TRIGGER" || one.kind == "PUBLICATION" ||
                                   one.kind == "FOREIGN DATA WRAPPER" || one.kind == "CAST";
    if (one.kind == "EXTENSION") {
      const auto found = available.find(one.name);
      if (found != available.end() && (found->second || is_superuser)) continue;
      problems_.push_back(
          found == available.end()
              ? fmt::format("the server does not have the extension {}: install it there first", one.name)
              : fmt::format("the role {} may not make the extension {}: have it made by a "
                            "superuser, and it is kept",
                            of_.connection.user(), one.name));
    } else if (is_for_superusers && !is_superuser && one.kind == "EVENT TRIGGER") {
      problems_.push_back(fmt::format("the {} is a superuser's to make, and {} is none: take a superuser",
                                      one.ForPeople(), of_.connection.user()));
    }
  }
  return {};
}

// Each relation that is dropped or made is locked to the end, and the server has room for so many locks.
Result<void> InPlaceRights::LookAtLocks() {
  ASSIGN_OR_RETURN(const Rows rows, of_.connection.Query(R"(
SELECT pg_catalog.current_setting('max_locks_per_transaction')::bigint,
       pg_catalog.current_setting('max_connections')::bigint
         + pg_catalog.current_setting('max_prepared_transactions')::bigint,
       (SELECT count(*) FROM pg_catalog.pg_class WHERE oid >= 16384))"));
  uint64_t locks = static_cast<uint64_t>(rows.Number(0, 2));
  for (const int id : of_.changes.made) {
    const Definition& one = *of_.dump.Find(id);
    locks += one.kind == "TABLE" ? kLocksOfTable : 1;
  }
  locks += (of_.with_rows ? of_.description.large_objects.size() : 0) * kLocksOfLargeObject;
  const uint64_t each = static_cast<uint64_t>(rows.Number(0, 0)), sessions = static_cast<uint64_t>(rows.Number(0, 1));
  if (locks <= each * sessions) return {};
  problems_.push_back(
      fmt::format("one transaction would hold about {} locks, and the server has room for {}: set "
                  "max_locks_per_transaction to {} there, or restore by a role that may make a database beside",
                  locks, each * sessions, locks / sessions + 1));
  return {};
}

}  // namespace cairn::postgres
