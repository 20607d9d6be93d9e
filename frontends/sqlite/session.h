// Statements on a connection that is another's. Private to frontends/sqlite.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "frontends/sqlite/database.h"

namespace cairn::sqlite {

// Borrows all. One thread at a time. Errors as ErrorOf's, which name `path`.
struct Session {
  using Row = std::vector<std::optional<std::string>>;  // values as text; nothing: NULL

  sqlite3* connection = nullptr;
  const std::string& path;
  Patience& patience;

  Result<void> Run(const std::string& statement) const;
  // The first column of the first row; 0: there is no row.
  Result<int64_t> Number(const std::string& query) const;
  // How many rows the statement has inserted, changed or deleted.
  Result<uint64_t> Change(const std::string& statement) const;
  // `values` are bound as text, in order. Memory: all rows, of which there shall be few.
  Result<std::vector<Row>> Rows(const std::string& query, const std::vector<std::string>& values = {}) const;
  // Each row of a query, as it comes; the statement is valid until the call returns.
  Result<void> ForEachRow(const std::string& query, const std::function<void(sqlite3_stmt*)>& take,
                          const std::vector<std::string>& values = {}) const;
};

}  // namespace cairn::sqlite
