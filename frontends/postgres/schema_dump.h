// A database's definitions, without rows, as pg_dump writes them.
#pragma once

#include <string>
#include <vector>

#include "frontends/postgres/client_program.h"
#include "frontends/postgres/description.h"

namespace cairn::postgres {

struct SchemaDumpOptions {
  ClientProgram program;
  Address address;
  std::string snapshot;  // that others share; empty: one of its own
  std::vector<TableName> only, without;
};

// pg_dump's custom form, uncompressed, what comes before rows and what comes after them. The time in its head is set to
// a constant: equal databases give equal bytes. Waits a few seconds for locks, not longer. At most 256 MiB.
Result<std::string> ReadSchemaDump(const SchemaDumpOptions& options, const stream::Waiter& waiter);

}  // namespace cairn::postgres
