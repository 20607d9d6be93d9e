// Text that somebody reads: lines, of which some are seen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "frontends/browse/canvas.h"
#include "frontends/browse/key.h"

namespace cairn::browse {

struct TextLine {
  std::string text;  // tabs as blanks
  Style style = kPlain;
};

// Lines that are too long go on in the next. One thread.
class TextPane {
 public:
  void Set(std::vector<TextLine> lines);
  // Stays at the end where it is at it. Of more than kAppendedMax lines the first ones go, and are counted.
  void Append(TextLine line);
  static constexpr size_t kAppendedMax = 2000;
  const std::vector<TextLine>& lines() const { return lines_; }
  bool OnKey(const Key& key);
  void Draw(Canvas& canvas, size_t first, size_t rows);
  // How far it has been read: "12%", "all".
  std::string Position() const;
  void MoveToEnd() { top_ = SIZE_MAX; }

 private:
  struct Shown {
    size_t line = 0;
    std::string text;
  };
  void Wrap(size_t columns);

  std::vector<TextLine> lines_;
  std::vector<Shown> shown_;  // wrapped to `columns_`
  size_t columns_ = 0;        // 0: to be wrapped anew
  size_t top_ = 0, height_ = 1;
  uint64_t dropped_ = 0;  // lines
};

}  // namespace cairn::browse
