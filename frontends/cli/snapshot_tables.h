// The tables of a database that is in a snapshot.
#pragma once

#include <cstdint>
#include <stop_token>

#include "frontends/browse/browse_world.h"
#include "frontends/cli/cli.h"

namespace cairn {

// Of a PostgreSQL dump as it stands there; of a SQLite database after it was put into a folder of this run alone, for
// its rows are counted by SQLite: kUnsupported where that would take too much room, and of what is no database.
// Any thread.
Result<browse::TableList> TablesOfItem(Cli& cli, Repository& repository, view::LiveView& view,
                                       const LoadedSnapshot& snapshot, uint32_t item, const std::stop_token& stop);

}  // namespace cairn
