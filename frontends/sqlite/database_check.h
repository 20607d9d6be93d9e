// Whether a SQLite database is whole.
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/clock.h"
#include "repo-format/base/result.h"

namespace cairn {

struct DatabaseCheck {
  std::vector<std::string> damage;  // as SQLite says it, the first few; none: it is whole
  std::vector<std::string> notes;   // what could not be looked at, and why
  uint64_t foreign_keys_broken = 0;
};

// SQLite's integrity_check and foreign_key_check. Constraints of columns are not looked at: what breaks them broke them
// when it was backed up. Where the schema needs functions, collations or modules that only the application has, it is
// quick_check, of the tables for which that can be, and a note says so. `file` is this process's alone, and is not in
// WAL mode. kInterrupted soon after stop is asked for.
Result<DatabaseCheck> CheckDatabase(const std::string& file, const Clock& clock, std::stop_token stop);

}  // namespace cairn
