#include "frontends/cli/cell_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "engine/env/number_text.h"
#include "repo-format/base/check.h"

namespace cairn {

using query::Cell;

std::string RealText(double value) {
  if (std::isinf(value)) return value > 0 ? "Inf" : "-Inf";
  std::array<char, 64> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  CHECK(error == std::errc());
  std::string text(digits.data(), end);
  return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string CellText(const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::kInteger:
      return std::to_string(cell.integer);
    case Cell::Kind::kReal:
      return RealText(cell.real);
    case Cell::Kind::kText:
      return ToString(cell.bytes);
    case Cell::Kind::kBlob:
      return "X'" + ToHex(cell.bytes) + "'";
    default:
      return "NULL";
  }
}

std::string ShortCellText(const Cell& cell, size_t bytes_max) {
  if (cell.bytes.size() <= bytes_max) return CellText(cell);
  size_t shown = bytes_max;
  // Not within a character.
  while (cell.kind == Cell::Kind::kText && shown > 0 && (cell.bytes[shown] & 0xc0) == 0x80) --shown;
  Cell first = cell;
  first.bytes = cell.bytes.first(shown);
  return fmt::format("{}... ({} bytes)", CellText(first), HumanCount(cell.bytes.size()));
}

}  // namespace cairn
