#include "frontends/browse/text_pane.h"

#include <fmt/core.h>

#include <algorithm>

#include "frontends/browse/glyphs.h"

namespace cairn::browse {

void TextPane::Set(std::vector<TextLine> lines) {
  lines_ = std::move(lines);
  columns_ = 0;
  top_ = 0;
  dropped_ = 0;
}

void TextPane::Append(TextLine line) {
  const bool at_end = top_ + height_ >= shown_.size();
  if (lines_.size() >= kAppendedMax) {
    constexpr size_t kAtOnce = kAppendedMax / 10;
    dropped_ += kAtOnce - (dropped_ > 0 ? 1 : 0);  // the first of them may be the count
    lines_.erase(lines_.begin(), lines_.begin() + kAtOnce);
    lines_.insert(lines_.begin(), {fmt::format("({} before)", dropped_), kDim});
    top_ = 0;
  }
  lines_.push_back(std::move(line));
  columns_ = 0;
  if (at_end) MoveToEnd();
}

void TextPane::Wrap(size_t columns) {
  if (columns_ == columns) return;
  // The line that was at the top stays there.
  const size_t line = top_ < shown_.size() ? shown_[top_].line : SIZE_MAX;
  shown_.clear();
  for (size_t i = 0; i < lines_.size(); ++i) {
    if (i == line && top_ != SIZE_MAX) top_ = shown_.size();
    for (std::string& part : Wrapped(lines_[i].text, columns)) shown_.push_back({i, std::move(part)});
  }
  columns_ = columns;
}

bool TextPane::OnKey(const Key& key) {
  const size_t page = std::max<size_t>(height_, 2) - 1;
  const size_t last = shown_.size() > height_ ? shown_.size() - height_ : 0;
  top_ = std::min(top_, last);
  if (key.Is(KeyCode::kUp) || key.IsOneOf("k")) {
    top_ -= std::min<size_t>(top_, 1);
  } else if (key.Is(KeyCode::kDown) || key.IsOneOf("j")) {
    top_ = std::min(top_ + 1, last);
  } else if (key.Is(KeyCode::kPageUp) || key.IsOneOf("b")) {
    top_ -= std::min(top_, page);
  } else if (key.Is(KeyCode::kPageDown) || key.IsOneOf(" ")) {
    top_ = std::min(top_ + page, last);
  } else if (key.Is(KeyCode::kHome) || key.IsOneOf("g")) {
    top_ = 0;
  } else if (key.Is(KeyCode::kEnd) || key.IsOneOf("G")) {
    top_ = last;
  } else {
    return false;
  }
  return true;
}

void TextPane::Draw(Canvas& canvas, size_t first, size_t rows) {
  if (rows == 0 || canvas.columns() == 0) return;
  height_ = rows;
  Wrap(canvas.columns());
  top_ = std::min(top_, shown_.size() > height_ ? shown_.size() - height_ : 0);
  for (size_t i = 0; i < rows && top_ + i < shown_.size(); ++i) {
    const Shown& one = shown_[top_ + i];
    canvas.PutLine(first + i, one.text, lines_[one.line].style);
  }
}

std::string TextPane::Position() const {
  if (shown_.size() <= height_) return "all";
  const size_t last = shown_.size() - height_;
  return fmt::format("{}%", std::min(top_, last) * 100 / last);
}

}  // namespace cairn::browse
