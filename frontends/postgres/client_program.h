// pg_dump and pg_restore: which of those on this machine.
#pragma once

#include <string>

#include "frontends/postgres/address.h"
#include "frontends/stream/child_process.h"

namespace cairn::postgres {

struct ClientProgram {
  std::string path;
  int major = 0;  // 15
};

// The oldest that reads a server, or a dump, of this major version: a client program reads what is older, and none that
// is newer. Looked for in the folder that CAIRN_PG_BIN names, and there alone; else in the folders of PostgreSQL's
// packages, in PATH, and where tools/pg-client puts them. kNotFound says what was found, and the way out.
Result<ClientProgram> FindClientProgram(const std::string& name, int major_min, const stream::Waiter& waiter);

// For a child process that connects to `address`: its password, and messages in one language.
stream::ChildOptions ClientOptions(const Address& address);

}  // namespace cairn::postgres
