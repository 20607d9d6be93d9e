// Rows of COPY, however they are cut; and the CSV that is made of them.
#include <algorithm>

#include "frontends/postgres/copy_csv.h"
#include "frontends/postgres/copy_text.h"

namespace cairn {
namespace {

struct Read {
  std::string csv;
  uint64_t rows = 0;
  bool is_right = false;
};

Read ReadRows(ByteSpan text, size_t columns, size_t piece_bytes) {
  Read read;
  postgres::CopyRows reader(columns, [&](std::span<const std::optional<std::string>> values) -> Result<void> {
    CHECK(values.size() == columns);
    postgres::AppendCsvLine(values, read.csv);
    return {};
  });
  for (size_t i = 0; i < text.size(); i += piece_bytes) {
    if (!reader.Take(text.subspan(i, std::min(piece_bytes, text.size() - i)))) return read;
  }
  read.is_right = reader.End().has_value();
  read.rows = reader.rows();
  return read;
}

}  // namespace
}  // namespace cairn

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t columns = data[0] % 8;
  const cairn::ByteSpan text(data + 1, size - 1);
  const cairn::Read whole = cairn::ReadRows(text, columns, size), pieces = cairn::ReadRows(text, columns, 3);
  CHECK(whole.is_right == pieces.is_right);
  CHECK(!whole.is_right || (whole.csv == pieces.csv && whole.rows == pieces.rows));
  return 0;
}
