// Whether two queries give the same rows. Private to frontends/sqlite.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "frontends/sqlite/session.h"

namespace cairn::sqlite {

// Of the rows of a query, in whatever order they come: how many there are, and the sum of their SHA-256. A value is its
// type and its bytes: 1, 1.0 and '1' are three.
struct RowsDigest {
  uint64_t rows = 0;
  std::array<uint64_t, 4> sum{};
  void Add(sqlite3_stmt* row);
  friend bool operator==(const RowsDigest&, const RowsDigest&) = default;
};
Result<RowsDigest> DigestRows(const Session& session, const std::string& query);

}  // namespace cairn::sqlite
