// What has to be dropped and made for a database in use to become what a dump defines. Pure.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "frontends/postgres/definitions.h"

namespace cairn::postgres {

// By roots (Definitions::IsRoot), each with what belongs to it. Tables and materialised views that both have are
// dropped and made again; what else is the same in both, and stands on nothing that is dropped, is kept, as schemas and
// extensions are in any case. What only the database has stays, and must not stand on what is dropped.
struct InPlaceChanges {
  std::set<int> dropped;  // of the live definitions
  std::set<int> made;     // of the dump's
  size_t kept = 0, staying = 0;
  std::vector<std::string> problems, notes;
};

// `former`: what was in its place before, of which no more than `dump` has shall be left: the definitions of the dump
// whose restore is undone, or none.
InPlaceChanges CompareDefinitions(const Definitions& live, const Definitions& dump, const Definitions& former);

}  // namespace cairn::postgres
