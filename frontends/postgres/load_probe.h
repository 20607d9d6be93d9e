// How long rows of a dump will take into a server: by trying, for a short while.
#pragma once

#include <optional>
#include <string>

#include "engine/env/clock.h"
#include "frontends/postgres/connection.h"
#include "frontends/postgres/dump_reader.h"

namespace cairn::postgres {

// Rows of the dump's largest table go into a temporary one, for three seconds at most, and are undone with it. Seconds
// for all rows of the dump, with reading them again where `verifies`, by one session; indexes and constraints come on
// top. Nothing where that cannot be told: the role may make no temporary table, or the dump has no rows.
Result<std::optional<double>> SecondsOfRows(const Address& address, DumpReader& dump,
                                            const DatabaseDescription& description, bool verifies,
                                            const stream::Waiter& waiter, const Clock& clock);
// "about 3 minutes"
std::string AboutSeconds(double seconds);

}  // namespace cairn::postgres
