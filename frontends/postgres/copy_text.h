// Rows as COPY writes them in text form. SPEC section 11.1.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::postgres {

// The value of a field without its escapes; nothing: NULL. `raw` has neither a tab nor a line break.
std::optional<std::string> CopyValue(std::string_view raw);

// One thread at a time. Memory: the longest row, twice.
class CopyRows {
 public:
  // Values as texts, as the server writes them; nothing: NULL. Valid until the call returns.
  using Each = std::function<Result<void>(std::span<const std::optional<std::string>> values)>;
  CopyRows(size_t columns, Each each);

  // The next bytes, however they are cut. kCorrupt: a row has another number of values; kUnsupported: a row of more
  // than 2 GiB.
  Result<void> Take(ByteSpan bytes);
  Result<void> End();  // kCorrupt: within a row
  uint64_t rows() const { return rows_; }
  // Where the row that was given last began, in bytes from the first that was taken; within a call of `each` the row
  // that is given.
  uint64_t row_begin() const { return row_begin_; }

 private:
  Result<void> Row(std::string_view row);

  const Each each_;
  std::vector<std::optional<std::string>> values_;
  std::string begun_;  // a row of which the end is not there yet
  uint64_t rows_ = 0, row_begin_ = 0, next_begin_ = 0;
};

}  // namespace cairn::postgres
