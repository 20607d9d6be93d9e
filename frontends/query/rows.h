// What a query gives.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::query {

// A value as SQLite has it. Borrows its bytes, until the call that gives it returns.
struct Cell {
  enum class Kind : uint8_t { kNull, kInteger, kReal, kText, kBlob };
  Kind kind = Kind::kNull;
  int64_t integer = 0;
  double real = 0;  // not a number: never
  ByteSpan bytes;   // of a text (UTF-8, as far as the database has it so), or a blob
};

// Where rows go. One thread. An Error ends the query.
class RowSink {
 public:
  virtual ~RowSink() = default;
  // Of one statement that gives rows: its columns, its rows, the end.
  virtual Result<void> Begin(const std::vector<std::string>& columns) = 0;
  virtual Result<void> Row(std::span<const Cell> cells) = 0;
  virtual Result<void> End() = 0;
};

// What can be asked.
struct TableInfo {
  std::string name, kind;            // "orders", "public.orders"; "table", "view", "virtual table"
  std::optional<uint64_t> rows;      // where that is known without counting
  std::vector<std::string> columns;  // with their types
};

}  // namespace cairn::query
