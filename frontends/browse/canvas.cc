#include "frontends/browse/canvas.h"

#include <algorithm>
#include <ranges>

#include "frontends/browse/glyphs.h"

namespace cairn::browse {
namespace {

size_t WidthOfAll(const std::vector<Glyph>& glyphs) {
  size_t width = 0;
  for (const Glyph& glyph : glyphs) width += glyph.width;
  return width;
}

// Keeps what fits into `width`, from the beginning, with the ellipsis behind it.
void Cut(std::vector<Glyph>& glyphs, size_t width, const std::string& ellipsis) {
  size_t used = WidthOfAll(glyphs);
  if (used <= width) return;
  if (width == 0) {
    glyphs.clear();
    return;
  }
  while (used > width - 1) {
    used -= glyphs.back().width;
    glyphs.pop_back();
  }
  glyphs.push_back({ellipsis});
}

}  // namespace

void Canvas::Put(size_t row, size_t column, size_t width, std::string_view text, Style style, Fit fit) {
  if (row >= rows_ || column >= columns_) return;
  width = std::min(width, columns_ - column);
  std::vector<Glyph> glyphs = GlyphsOf(text, ascii_only_);
  const std::string ellipsis = ascii_only_ ? "~" : "…";
  if (fit == Fit::kTail) {
    std::ranges::reverse(glyphs);
    Cut(glyphs, width, ellipsis);
    std::ranges::reverse(glyphs);
  } else {
    Cut(glyphs, width, ellipsis);
  }
  size_t at = fit == Fit::kRight ? width - WidthOfAll(glyphs) : 0;
  Cell* cells = &cells_[row * columns_ + column];
  for (size_t i = 0; i < width; ++i) cells[i] = {" ", style};
  for (Glyph& glyph : glyphs) {
    cells[at].text = std::move(glyph.text);
    if (glyph.width == 2) cells[at + 1].text.clear();
    at += glyph.width;
  }
}

void Canvas::Restyle(size_t row, Style style) {
  if (row >= rows_) return;
  for (size_t i = 0; i < columns_; ++i) cells_[row * columns_ + i].style = style;
}

std::string Canvas::Line(size_t row) const {
  std::string line;
  for (size_t i = 0; i < columns_; ++i) line += at(row, i).text;
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace cairn::browse
