// A database's definitions, without rows, as pg_dump writes them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontends/postgres/client_program.h"
#include "frontends/postgres/description.h"
#include "frontends/stream/child_process.h"

namespace cairn::postgres {

struct SchemaDumpOptions {
  ClientProgram program;
  Address address;
  std::string snapshot;  // that others share; empty: one of its own
  std::vector<TableName> only, without;
};

// A pg_dump that runs from Start on, and is ended where it goes before it was read. One thread at a time; the waiter
// outlives it.
class SchemaDump {
 public:
  static Result<SchemaDump> Start(const SchemaDumpOptions& options, const stream::Waiter& waiter);
  // All of it, once. pg_dump's custom form, uncompressed, what comes before rows and what comes after them. The time in
  // its head is set to a constant: equal databases give equal bytes. Waits a few seconds for locks, not longer. At most
  // 256 MiB.
  Result<std::string> Read();

 private:
  explicit SchemaDump(std::unique_ptr<stream::ChildProcess> child) : child_(std::move(child)) {}
  std::unique_ptr<stream::ChildProcess> child_;
};

}  // namespace cairn::postgres
