// ALTER DEFAULT PRIVILEGES of the role that connects: grants that whatever it makes would get.
#pragma once

#include <string>
#include <vector>

#include "frontends/postgres/connection.h"

namespace cairn::postgres {

// What a dump defines has the grants of the dump, and no others: while it is made there are no such defaults. Other
// roles' do not count, for all is made by this one, and given to its owner then.
struct DefaultPrivileges {
  std::vector<std::string> suspend, resume;  // statements, for one transaction
  static Result<DefaultPrivileges> Read(Connection& connection);
};

}  // namespace cairn::postgres
