// Whether an archive of pg_dump is whole. Private to frontends/import.
#pragma once

#include <stop_token>
#include <string>

#include "frontends/import/byte_stream.h"

namespace cairn::import {

// By pg_restore, of the folder that CAIRN_PG_BIN names, else of PATH, which reads all of `file` and writes nothing.
// A note where there is none, or none that knows this version; empty: all is well; kCorrupt: what it said.
Result<std::string> CheckPostgresArchive(const SharedFd& file, const std::stop_token& stop);

}  // namespace cairn::import
