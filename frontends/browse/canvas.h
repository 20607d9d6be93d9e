// A screen that is drawn before a terminal shows it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::browse {

enum class Color : uint8_t { kDefault, kBlue, kCyan, kGreen, kYellow, kRed };

struct Style {
  Color color = Color::kDefault;
  bool bold = false, dim = false, reverse = false;
  friend bool operator==(const Style&, const Style&) = default;
};

inline constexpr Style kPlain{};
inline constexpr Style kDim{.dim = true};
inline constexpr Style kBold{.bold = true};
inline constexpr Style kBar{.reverse = true};
inline constexpr Style kError{.color = Color::kRed, .bold = true};
inline constexpr Style kWarning{.color = Color::kYellow};

struct Cell {
  std::string text = " ";  // empty: the right half of the wide character before it
  Style style;
};

// Cells in rows, from the upper left. A value; what is put outside of it is cut off.
class Canvas {
 public:
  Canvas(size_t rows, size_t columns, bool ascii_only = false)
      : rows_(rows), columns_(columns), ascii_only_(ascii_only), cells_(rows * columns) {}
  size_t rows() const { return rows_; }
  size_t columns() const { return columns_; }
  const Cell& at(size_t row, size_t column) const { return cells_[row * columns_ + column]; }

  // How text stands in the columns that it is given: what does not fit is cut at its end, with an ellipsis, or, of
  // kTail, at its beginning.
  enum class Fit : uint8_t { kLeft, kRight, kTail };
  // Fills `width` columns of a row.
  void Put(size_t row, size_t column, size_t width, std::string_view text, Style style = kPlain, Fit fit = Fit::kLeft);
  // Fills a row.
  void PutLine(size_t row, std::string_view text, Style style = kPlain) { Put(row, 0, columns_, text, style); }
  // In another style, whatever is there.
  void Restyle(size_t row, Style style);

  // A row as text, without blanks at its end.
  std::string Line(size_t row) const;

  // Where the terminal shows its cursor; nowhere by itself.
  struct Cursor {
    bool is_shown = false;
    size_t row = 0, column = 0;
  } cursor;

 private:
  size_t rows_, columns_;
  bool ascii_only_;
  std::vector<Cell> cells_;
};

}  // namespace cairn::browse
