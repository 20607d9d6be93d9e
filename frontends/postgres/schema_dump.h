// A database's definitions, without rows, as pg_dump writes them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "frontends/postgres/client_program.h"
#include "frontends/postgres/description.h"

namespace cairn::postgres {

// pg_dump's custom form, uncompressed, what comes before rows and what comes after them, under a snapshot that others
// share. The time in its head is set to a constant: equal databases give equal bytes. One thread at a time.
class SchemaDump {
 public:
  struct Options {
    ClientProgram program;
    Address address;
    std::string snapshot;
    uint32_t lock_patience_s = 60;
    std::vector<TableName> only, without;
  };
  // `waiter` outlives it.
  static Result<std::unique_ptr<SchemaDump>> Start(const Options& options, const stream::Waiter& waiter);
  // 0: the end, and pg_dump has ended well.
  Result<size_t> Read(MutableByteSpan target);

 private:
  SchemaDump() = default;
  Result<void> ReadHead();
  std::unique_ptr<stream::ChildProcess> child_;
  Bytes head_;
  size_t head_used_ = 0;
  bool has_head_ = false;
};

}  // namespace cairn::postgres
