#include "frontends/browse/list_pane.h"

#include <fnmatch.h>

#include <algorithm>

namespace cairn::browse {
namespace {

constexpr size_t kGap = 2;  // columns between two of the list

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool Contains(const std::string& text, const std::string& part) {
  const auto found = std::search(text.begin(), text.end(), part.begin(), part.end(),
                                 [](char a, char b) { return Lower(a) == Lower(b); });
  return found != text.end() || part.empty();
}

// The widths of columns on a screen so wide: 0 where one is left out.
std::vector<size_t> WidthsOf(const std::vector<ListColumn>& columns, size_t width) {
  std::vector<size_t> widths(columns.size(), 0);
  size_t used = 0, flexible = columns.size();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].width == 0) flexible = i;
    if (columns[i].width == 0 || columns[i].screen_columns_min > width) continue;
    widths[i] = columns[i].width;
    used += widths[i] + kGap;
  }
  if (flexible < columns.size()) widths[flexible] = width > used ? width - used : 1;
  return widths;
}

}  // namespace

std::string_view Name(SortBy by) {
  switch (by) {
    case SortBy::kSize:
      return "size";
    case SortBy::kTime:
      return "time";
    case SortBy::kOrder:
      return "order";
    default:
      return "name";
  }
}

void ListPane::Append(std::vector<ListRow> rows) {
  rows_.insert(rows_.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  // To sort all of them for each few that come would take too long.
  if (rows_.size() - arranged_ >= arranged_ / 4) Arrange();
}

void ListPane::Settle() {
  if (arranged_ < rows_.size()) Arrange();
}

void ListPane::Clear() {
  rows_.clear();
  order_.clear();
  arranged_ = cursor_ = top_ = 0;
  has_moved_ = false;
}

void ListPane::Replace(std::vector<ListRow> rows) {
  const bool keeps_row = has_moved_ && !order_.empty();
  const std::string name = keeps_row ? rows_[current()].name : "";
  const size_t line = cursor_ - std::min(top_, cursor_);
  Clear();
  Append(std::move(rows));
  Settle();
  if (!keeps_row) return;
  Select(name);
  top_ = cursor_ - std::min(line, cursor_);
}

void ListPane::SetSort(SortBy by, bool is_reversed) {
  sort_ = by;
  is_reversed_ = is_reversed;
  Arrange();
}

void ListPane::SetFilter(std::string filter) {
  filter_ = std::move(filter);
  Arrange();
}

bool ListPane::IsSeen(const ListRow& row) const {
  if (filter_.find_first_of("*?[") == std::string::npos) return Contains(row.name, filter_);
  return ::fnmatch(filter_.c_str(), row.name.c_str(), FNM_CASEFOLD) == 0;
}

bool ListPane::IsBefore(size_t a, size_t b) const {
  const ListRow& one = rows_[a];
  const ListRow& other = rows_[b];
  if (sort_ == SortBy::kOrder) return a < b;
  if (one.is_first != other.is_first) return one.is_first;
  const auto by = [&](auto less, auto greater) { return is_reversed_ ? greater : less; };
  if (sort_ == SortBy::kSize && one.size != other.size) return by(one.size > other.size, one.size < other.size);
  if (sort_ == SortBy::kTime && one.time != other.time) {
    return by(one.time > other.time, one.time < other.time);
  }
  const int names = one.name.compare(other.name);
  if (names != 0) return sort_ == SortBy::kName && is_reversed_ ? names > 0 : names < 0;
  return a < b;
}

void ListPane::Arrange() {
  const bool keeps_row = has_moved_ && !order_.empty();
  const size_t kept = keeps_row ? current() : 0;
  const size_t line = cursor_ >= top_ ? cursor_ - top_ : 0;
  order_.clear();
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (IsSeen(rows_[i])) order_.push_back(i);
  }
  std::ranges::sort(order_, [this](size_t a, size_t b) { return IsBefore(a, b); });
  arranged_ = rows_.size();
  cursor_ = top_ = 0;
  const auto found = keeps_row ? std::ranges::find(order_, kept) : order_.end();
  if (found == order_.end()) return;
  cursor_ = static_cast<size_t>(found - order_.begin());
  top_ = cursor_ > line ? cursor_ - line : 0;
}

void ListPane::Select(const std::string& name) {
  Settle();
  const auto found = std::ranges::find_if(order_, [&](size_t row) { return rows_[row].name == name; });
  if (found == order_.end()) return;
  cursor_ = static_cast<size_t>(found - order_.begin());
  has_moved_ = true;
}

void ListPane::MoveBy(int64_t rows) {
  has_moved_ = true;
  if (order_.empty()) return;
  const auto last = static_cast<int64_t>(order_.size()) - 1;
  cursor_ = static_cast<size_t>(std::clamp<int64_t>(static_cast<int64_t>(cursor_) + rows, 0, last));
}

bool ListPane::OnKey(const Key& key) {
  const auto page = static_cast<int64_t>(std::max<size_t>(height_, 2)) - 1;
  const auto all = static_cast<int64_t>(order_.size());
  if (key.Is(KeyCode::kUp) || key.IsOneOf("k")) {
    MoveBy(-1);
  } else if (key.Is(KeyCode::kDown) || key.IsOneOf("j")) {
    MoveBy(1);
  } else if (key.Is(KeyCode::kPageUp)) {
    MoveBy(-page);
  } else if (key.Is(KeyCode::kPageDown)) {
    MoveBy(page);
  } else if (key.Is(KeyCode::kHome) || key.IsOneOf("g")) {
    MoveBy(-all);
  } else if (key.Is(KeyCode::kEnd) || key.IsOneOf("G")) {
    MoveBy(all);
  } else {
    return false;
  }
  return true;
}

void ListPane::Draw(Canvas& canvas, size_t first, size_t rows, const std::vector<ListColumn>& columns,
                    const TextOf& text_of) {
  if (rows == 0) return;
  const size_t margin = 1;  // for the marks
  const std::vector<size_t> widths = WidthsOf(columns, canvas.columns() - std::min(canvas.columns(), margin));
  const auto put = [&](size_t row, const RowText& text) {
    canvas.Put(row, 0, canvas.columns(), text.is_marked ? "*" : "", text.style);
    size_t at = margin;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (widths[i] == 0) continue;
      const auto fit = columns[i].is_number   ? Canvas::Fit::kRight
                       : columns[i].keeps_end ? Canvas::Fit::kTail
                                              : Canvas::Fit::kLeft;
      canvas.Put(row, at, widths[i], text.cells[i], text.style, fit);
      at += widths[i] + kGap;
    }
  };
  RowText titles{.style = kDim};
  for (const ListColumn& column : columns) titles.cells.push_back(column.title);
  put(first, titles);
  height_ = rows - 1;
  if (height_ == 0 || order_.empty()) return;
  if (cursor_ < top_) top_ = cursor_;
  if (cursor_ >= top_ + height_) top_ = cursor_ - height_ + 1;
  if (order_.size() <= height_) {
    top_ = 0;
  } else {
    top_ = std::min(top_, order_.size() - height_);  // no empty lines while there is more
  }
  for (size_t line = 0; line < height_ && top_ + line < order_.size(); ++line) {
    RowText text = text_of(order_[top_ + line]);
    text.style.reverse = top_ + line == cursor_;
    put(first + 1 + line, text);
  }
}

}  // namespace cairn::browse
