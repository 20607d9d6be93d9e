// A PostgreSQL-like SQL dump: the same bytes from the same options, on every machine, faster than a backup reads them.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace cairn::bench {

inline constexpr uint64_t kSqlDumpBytesMin = 143;  // the mean row
inline constexpr unsigned kSqlDumpGenerations = 5;

// Generation 1 is the first state; each later one changes the table as applications do:
//   2: 0.05 % of the rows, scattered   3: 1 % scattered   4: 1 % in one piece   5: 2 % appended
struct SqlDumpOptions {
  uint64_t bytes = kSqlDumpBytesMin;  // about the size of generation 1
  unsigned generation = 1;
  uint64_t seed = 1;
};

// Gives the dump to `take` in order, in pieces of about 1 MiB that are valid during the call.
void WriteSqlDump(const SqlDumpOptions& options, const std::function<void(std::string_view)>& take);

}  // namespace cairn::bench
