// Whether a role can change a database in place, before it is begun.
#pragma once

#include <string>
#include <vector>

#include "frontends/postgres/connection.h"
#include "frontends/postgres/description.h"
#include "frontends/postgres/in_place_changes.h"

namespace cairn::postgres {

struct InPlaceQuestion {
  Connection& connection;
  const Definitions& live;
  const Definitions& dump;
  const InPlaceChanges& changes;
  const DatabaseDescription& description;
  bool with_owners = true, with_rows = true;
};

// Of whom what is dropped belongs to, schemas, extensions, roles, the server's room for locks: each problem names what
// it is, and the way out. Borrows all.
class InPlaceRights {
 public:
  InPlaceRights(const InPlaceQuestion& of, std::vector<std::string>& problems, std::vector<std::string>& notes)
      : of_(of), problems_(problems), notes_(notes) {}
  Result<void> Look();

 private:
  Result<void> LookAtOwners();
  Result<void> LookAtKept();
  Result<void> LookAtSubscriptions();
  Result<void> LookAtSchemas();
  Result<void> LookAtExtensions();
  Result<void> LookAtLocks();

  const InPlaceQuestion of_;
  std::vector<std::string>& problems_;
  std::vector<std::string>& notes_;
};

}  // namespace cairn::postgres
