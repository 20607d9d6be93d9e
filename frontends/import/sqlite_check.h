// Whether a file is a whole SQLite database. Private to frontends/import.
#pragma once

#include <stop_token>
#include <string>

#include "frontends/import/spool.h"

namespace cairn::import {

struct CheckedDatabase {
  uint32_t page_bytes = 0;
  std::string note;  // what could not be checked, and why: a module that this program does not have
};

// By quick_check, of the very file that is open: nothing is written to it or beside it, and no journal is looked for.
// kCorrupt says what is wrong.
Result<CheckedDatabase> CheckDatabase(const SharedFd& file, const std::stop_token& stop);

// Takes the log beside a copy of ours of a database into it.
Result<void> TakeInLog(const std::string& database, const std::stop_token& stop);

}  // namespace cairn::import
