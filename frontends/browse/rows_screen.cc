#include "frontends/browse/rows_screen.h"

#include <algorithm>

#include "engine/env/number_text.h"
#include "frontends/browse/glyphs.h"
#include "frontends/browse/snapshot_text.h"
#include "frontends/browse/text_screen.h"

namespace cairn::browse {
namespace {

constexpr size_t kFirstRows = 200, kRowsAtOnceMax = 5000;
constexpr size_t kNearRows = 100;  // before the last row, where more are asked for
constexpr size_t kWidthMin = 3, kWidthMax = 40;
constexpr size_t kColumnsShownMax = 200;

bool IsNumber(std::string_view text) {
  return text == "NULL" || (!text.empty() && text.find_first_not_of("0123456789.-+e") == std::string_view::npos);
}

// In one line.
std::string OneLine(std::string_view text) {
  std::string line;
  for (const char c : text) line += c == '\n' ? std::string("\\n") : std::string(1, c);
  return line;
}

}  // namespace

RowsScreen::RowsScreen(ScreenHost& host, ShownDatabase database, std::string table)
    : ListScreen(host), database_(std::move(database)), table_(std::move(table)) {
  list().SetSort(SortBy::kOrder, false);
  Reload();
}

void RowsScreen::Reload() {
  Restart();
  columns_.clear();
  rows_.clear();
  bytes_ = 0;
  is_end_ = false;
  Ask();
}

void RowsScreen::Ask() {
  const RowRange range{.skip = rows_.size(), .count = std::clamp(rows_.size(), kFirstRows, kRowsAtOnceMax)};
  reading_.Start(world().readers,
                 [world = world(), database = database_, table = table_, range](const std::stop_token& stop) {
                   return world.rows(database, table, range, stop);
                 });
}

void RowsScreen::Poll() {
  if (auto page = reading_.Take()) {
    if (*page) {
      Take(**std::move(page));
    } else {
      Fail(fmt::format(" the {}rows cannot be shown: {}", rows_.empty() ? "" : "other ", page->error().message()));
    }
  }
  const bool is_wanted = list().IsNearEnd(kNearRows);
  if (is_wanted && !is_end_ && !has_failed() && !reading_.is_under_way()) Ask();
}

void RowsScreen::Take(RowPage page) {
  for (std::string& name : page.columns) {
    if (columns_.size() < page.columns.size()) columns_.push_back({.name = std::move(name)});
  }
  std::vector<ListRow> rows;
  for (auto& cells : page.rows) {
    std::string text;
    for (const std::string& cell : cells) text += (text.empty() ? "" : " ") + cell;
    bytes_ += text.size() + cells.size() * sizeof(std::string);
    rows.push_back({.name = std::move(text)});
    rows_.push_back(std::move(cells));
  }
  is_end_ = page.is_end;
  Measure(rows_.size() - rows.size());
  list().Append(std::move(rows));
  list().Settle();
  if (is_end_ || bytes_ < kBytesMax) return;
  is_end_ = true;
  Fail(fmt::format(" only the first {} rows are shown; cairn query gives any others", HumanCount(rows_.size())));
}

// Columns grow with what comes, up to a limit.
void RowsScreen::Measure(size_t first) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    size_t width = std::max(column.width, WidthOf(column.name));
    for (size_t row = first; row < rows_.size(); ++row) {
      width = std::max(width, WidthOf(OneLine(rows_[row][i])));
      column.is_number = column.is_number && IsNumber(rows_[row][i]);
    }
    column.width = std::clamp(width, kWidthMin, kWidthMax);
  }
}

std::string RowsScreen::Title() const {
  return fmt::format("rows of {} of {} {}", PathForPeople(AsBytes(table_)), NameOf(database_),
                     FormatTimeThen(database_.snapshot->inner.start, world().context.clock));
}

std::string RowsScreen::Keys() const { return "Enter all of a row   < > other columns   / filter   Esc back   ? help"; }

std::vector<ListColumn> RowsScreen::Columns() const {
  std::vector<ListColumn> shown;
  for (size_t i = first_column_; i < columns_.size() && shown.size() < kColumnsShownMax; ++i) {
    const Column& column = columns_[i];
    shown.push_back(
        {.title = PathForPeople(AsBytes(column.name)), .width = column.width, .is_number = column.is_number});
  }
  if (shown.empty()) shown.push_back({.title = "", .width = 1});
  return shown;
}

RowText RowsScreen::TextOf(size_t row) const {
  RowText text;
  for (size_t i = first_column_; i < rows_[row].size() && text.cells.size() < kColumnsShownMax; ++i) {
    text.cells.push_back(OneLine(rows_[row][i]));
  }
  if (text.cells.empty()) text.cells.emplace_back();
  return text;
}

std::string RowsScreen::Waiting() const {
  if (!reading_.is_under_way()) return "";
  return rows_.empty() ? "reading the rows; Esc leaves it" : "reading";
}

std::string RowsScreen::Counted() const {
  std::string text = fmt::format("{} row{}{}", HumanCount(rows_.size()), rows_.size() == 1 ? "" : "s",
                                 is_end_ && !has_failed() ? "" : " so far");
  if (first_column_ > 0) text += fmt::format("   from column {} of {}", first_column_ + 1, columns_.size());
  return text;
}

void RowsScreen::OpenRow(size_t row) {
  constexpr size_t kLabelMax = 24;
  size_t label = 0;
  for (const Column& column : columns_) label = std::max(label, std::min(WidthOf(column.name), kLabelMax));
  std::vector<TextLine> lines;
  for (size_t i = 0; i < columns_.size() && i < rows_[row].size(); ++i) {
    std::string name = PathForPeople(AsBytes(columns_[i].name));
    name.append(label - std::min(label, WidthOf(name)), ' ');
    std::string_view rest = rows_[row][i];
    do {
      const size_t end = std::min(rest.find('\n'), rest.size());
      lines.push_back({fmt::format(" {}  {}", name, WithoutTabs(rest.substr(0, end)))});
      rest.remove_prefix(std::min(end + 1, rest.size()));
      name.assign(label, ' ');
    } while (!rest.empty());
  }
  const std::string title = fmt::format("row {} of {}", HumanCount(row + 1), PathForPeople(AsBytes(table_)));
  host().Open(std::make_unique<TextScreen>(host(), title, std::move(lines)));
}

bool RowsScreen::OnListKey(const Key& key) {
  if (key.IsOneOf(">.") && first_column_ + 1 < columns_.size()) {
    ++first_column_;
  } else if (key.IsOneOf("<,") && first_column_ > 0) {
    --first_column_;
  } else if (key.opens()) {
    if (!list().empty()) OpenRow(list().current());
  } else {
    return key.IsOneOf("<>,.");
  }
  return true;
}

}  // namespace cairn::browse
