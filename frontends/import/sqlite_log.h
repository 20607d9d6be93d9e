// The log that lies beside a SQLite database (-wal). Private to frontends/import.
#pragma once

#include <stop_token>

#include "frontends/import/byte_stream.h"

namespace cairn::import {

// SQLite takes a frame that is damaged for the end of the log, and leaves out what was committed behind it. kCorrupt:
// its header is damaged; it ends within a frame; a frame of this run of the log is damaged, and a commit is in it or
// behind it. Frames of earlier runs at its end are as they should be.
// https://www.sqlite.org/fileformat.html, 4.
Result<void> CheckLog(const SharedFd& log, uint64_t size, const std::stop_token& stop);

}  // namespace cairn::import
