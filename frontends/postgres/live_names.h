// Whether a database in use has what a dump's definitions need.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "frontends/postgres/connection.h"
#include "frontends/postgres/definitions.h"

namespace cairn::postgres {

// Schemas, extensions, relations, types, functions and collations by name, and roles. A value.
class LiveNames {
 public:
  static Result<LiveNames> Read(Connection& connection);
  // Nothing: of a kind that is not looked for.
  std::optional<bool> Has(const Definition& one) const;
  bool HasRole(const std::string& role) const { return names_.contains({"role", "", role}); }

 private:
  std::set<std::tuple<std::string, std::string, std::string>> names_;  // kind, schema, name
};

// What keeps this role from giving things to `owners`, and rights to others of `needed`, each with its way out: roles
// that are not there, and owners that it may not act for.
Result<std::vector<std::string>> ProblemsOfRoles(Connection& connection, const std::set<std::string>& needed,
                                                 const std::set<std::string>& owners);
std::set<std::string> OwnersOf(const Definitions& definitions, const std::set<int>& ids);
// Those of `known` to whom one of these definitions grants something.
std::set<std::string> GranteesOf(const Definitions& definitions, const std::set<int>& ids,
                                 const std::vector<std::string>& known);

}  // namespace cairn::postgres
