// Text as a terminal shows it: in columns, and nothing that speaks to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::browse {

// A character with what combines with it; never a control character.
struct Glyph {
  std::string text;
  uint8_t width = 1;  // columns: 1 or 2
};

// Bytes that are no character of UTF-8, that a terminal obeys, or whose width it does not know: as \xNN; with
// `ascii_only` all that is not ASCII. Widths are those of the locale's LC_CTYPE, which is one of UTF-8.
std::vector<Glyph> GlyphsOf(std::string_view text, bool ascii_only = false);
size_t WidthOf(std::string_view text);

// Lines of at most so many columns, cut anywhere. At least one.
std::vector<std::string> Wrapped(std::string_view line, size_t columns);
// As a terminal would stop: at every eighth column.
std::string WithoutTabs(std::string_view line);

}  // namespace cairn::browse
