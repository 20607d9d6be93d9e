// A SQLite database by a descriptor that is open, and by no name. Private to frontends/import.
#pragma once

#include <string>

#include "frontends/import/byte_stream.h"

namespace cairn::import {

// A URI for sqlite3_open_v2, of a file that nobody changes, for reading alone; `file` stays open as long as the
// connection. Nothing else is opened by it but SQLite's own temporary files. Empty: SQLite takes no more systems of
// files.
std::string UriOfDescriptor(const SharedFd& file);

}  // namespace cairn::import
