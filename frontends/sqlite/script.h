// SQL that a user wants to be run in a database that is nobody else's yet.
#pragma once

#include <stop_token>
#include <string>

#include "engine/env/clock.h"
#include "repo-format/base/result.h"

namespace cairn {

// Runs all statements of `sql` in `file`, a database of this process alone that is not in WAL mode, in one transaction,
// which they must not end themselves. kInvalidArgument says what SQLite says of the first that fails; then the file is
// of no use. kInterrupted soon after stop is asked for. Neither extensions nor other databases can be reached.
Result<void> RunSqliteScript(const std::string& file, const std::string& sql, const Clock& clock, std::stop_token stop);

}  // namespace cairn
