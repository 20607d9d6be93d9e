// What of a dumped database's properties this role can make on this server.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "frontends/postgres/connection.h"
#include "frontends/postgres/description.h"

namespace cairn::postgres {

// Without the settings that the server does not know, or lets superusers alone make, and those for roles that this one
// does not administer: `notes` names them.
Result<DatabaseProperties> PossibleSettings(Connection& connection, DatabaseProperties properties,
                                            std::vector<std::string>& notes);

// Those of `wanted` that the server has not, or in which this role may make nothing.
Result<std::vector<std::string>> ImpossibleTablespaces(Connection& connection, const std::set<std::string>& wanted);

}  // namespace cairn::postgres
