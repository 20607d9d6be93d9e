#include "frontends/browse/list_screen.h"

#include <algorithm>

#include "frontends/browse/glyphs.h"

namespace cairn::browse {

void ListScreen::Draw(Canvas& canvas, const ScreenLines& lines) {
  size_t first = lines.first, count = lines.count;
  if (has_failed() && count > 0) {
    const size_t columns = std::max<size_t>(canvas.columns(), 1);
    std::vector<std::string> told = Wrapped(failure_, columns);
    const size_t shown = std::min({told.size(), size_t{3}, count});
    if (shown < told.size()) told[shown - 1] += told[shown];  // cut off, with an ellipsis
    for (size_t i = 0; i < shown; ++i) canvas.PutLine(first + i, told[i], kError);
    first += shown;
    count -= shown;
  }
  if (is_filtering_ && count > 0) --count;
  list_.Draw(canvas, first, count, Columns(), [this](size_t row) { return TextOf(row); });
  if (list_.empty() && count > 1) {
    const std::string waiting = Waiting();
    const bool is_filtered = list_.count() > 0;
    canvas.PutLine(first + 1,
                   is_filtered        ? " nothing is called so: " + list_.filter()
                   : !waiting.empty() ? " " + waiting
                   : !has_failed()    ? " " + Nothing()
                                      : "",
                   kDim);
  }
  if (!is_filtering_) return;
  const size_t row = first + count;
  canvas.PutLine(row, "filter: ", kBold);
  if (canvas.columns() > 8) filter_.Draw(canvas, row, 8, canvas.columns() - 8);
}

std::string ListScreen::Status() const {
  std::string text = Counted();
  if (!list_.filter().empty()) {
    text += fmt::format("   {} of them called \"{}\"", list_.count_seen(), list_.filter());
  }
  if (can_sort()) text += fmt::format("   by {}{}", Name(list_.sort()), list_.is_reversed() ? ", reversed" : "");
  const std::string waiting = Waiting();
  if (!waiting.empty() && !list_.empty()) text += "   " + waiting;
  return text;
}

void ListScreen::OnFilterKey(const Key& key) {
  if (key.Is(KeyCode::kEnter)) {
    is_filtering_ = false;
  } else if (key.Is(KeyCode::kEscape) || (key.Is(KeyCode::kBackspace) && filter_.text().empty())) {
    is_filtering_ = false;
    filter_ = LineInput();
    list_.SetFilter("");
  } else if (key.Is(KeyCode::kUp) || key.Is(KeyCode::kDown) || key.Is(KeyCode::kPageUp) || key.Is(KeyCode::kPageDown)) {
    list_.OnKey(key);
  } else if (filter_.OnKey(key) && filter_.text() != list_.filter()) {
    list_.SetFilter(filter_.text());
  }
}

bool ListScreen::OnKey(const Key& key) {
  if (is_filtering_) {
    OnFilterKey(key);
    return true;
  }
  if (key.IsOneOf("/")) {
    is_filtering_ = true;
    filter_ = LineInput(list_.filter());
  } else if (key.Is(KeyCode::kEscape) && !list_.filter().empty()) {
    filter_ = LineInput();
    list_.SetFilter("");
  } else if (can_sort() && key.IsOneOf("s")) {
    const SortBy next = list_.sort() == SortBy::kName   ? SortBy::kSize
                        : list_.sort() == SortBy::kSize ? SortBy::kTime
                                                        : SortBy::kName;
    list_.SetSort(next, false);
  } else if (can_sort() && key.IsOneOf("S")) {
    list_.SetSort(list_.sort(), !list_.is_reversed());
  } else {
    return OnListKey(key) || list_.OnKey(key);
  }
  return true;
}

}  // namespace cairn::browse
