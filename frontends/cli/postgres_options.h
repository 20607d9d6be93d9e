// What the command line says of a PostgreSQL server.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "engine/source/source.h"
#include "frontends/cli/cli.h"
#include "frontends/postgres/address.h"
#include "repo-format/sqlite_parameters.h"

namespace cairn {

// An address; where a password can be read in it by everybody, that is told.
Result<postgres::Address> ParseAddress(Cli& cli, const std::string& text);
// Does it look like one, rather than like a file?
bool IsAddress(const std::string& text);

// Options of `backup`; those that choose tables are for a SQLite database, too.
struct PostgresOptions {
  std::vector<std::string> addresses, databases, tables, excluded;
  std::string order = "heap";
  bool schema_only = false, data_only = false;
  unsigned jobs = 0;  // 0: as many as there are threads

  void AddTo(CLI::App& command);
  // What they choose of a SQLite database; no part where none of them is given.
  SqliteParameters SqlitePart() const;
  // Of each database that is asked for: the one that the address names, or all of the server's.
  Result<std::vector<postgres::Address>> DatabasesOf(Cli& cli, const std::string& address) const;
  Result<std::unique_ptr<Source>> MakeSource(Cli& cli, const postgres::Address& address, std::string item,
                                             uint32_t lock_patience_s) const;
};

}  // namespace cairn
