#include "frontends/cli/text.h"

#include <algorithm>

namespace cairn {
namespace {

// Characters, not bytes: UTF-8 continuation bytes take no place.
size_t Width(const std::string& text) {
  return static_cast<size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    // U+0080 to U+009F, in UTF-8 with C2 before them, are control characters too.
    const bool is_c1 = byte >= 0x80 && byte < 0xa0 && i > 0 && static_cast<uint8_t>(text[i - 1]) == 0xc2;
    if (is_c1) out.replace(out.size() - 1, 1, "\\xc2");
    out += (byte < 0x20 && byte != '\n') || byte == 0x7f || is_c1 ? fmt::format("\\x{:02x}", byte)
                                                                  : std::string(1, text[i]);
  }
  return out;
}

void Table::Add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = Printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::Text() const {
  std::vector<size_t> widths;
  std::vector<bool> right;
  std::vector<std::string> names;
  for (const std::string& header : headers_) {
    right.push_back(header.starts_with(">"));
    names.push_back(right.back() ? header.substr(1) : header);
    widths.push_back(Width(names.back()));
  }
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  const auto add = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - Width(row[i]), ' ');
      line += (i == 0 ? "" : "  ") + (right[i] ? padding + row[i] : row[i] + padding);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  add(names);
  for (const auto& row : rows_) add(row);
  return text;
}

}  // namespace cairn
