// A list that somebody walks through: what is seen of it, in which order, and where the cursor stands.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "frontends/browse/canvas.h"
#include "frontends/browse/key.h"
#include "repo-format/wire_writer.h"

namespace cairn::browse {

enum class SortBy : uint8_t { kName, kSize, kTime, kOrder };  // kOrder: as they came
std::string_view Name(SortBy by);

// By what a row is sorted and found.
struct ListRow {
  std::string name;  // bytes
  uint64_t size = 0;
  WireTime time;
  bool is_first = false;  // folders, before all others in every order
};

struct ListColumn {
  std::string title;
  size_t width = 0;               // 0: what the others leave
  bool is_number = false;         // aligned to the right
  size_t screen_columns_min = 0;  // narrower screens do without it
  bool keeps_end = false;         // what does not fit is cut at its beginning
};

struct RowText {
  std::vector<std::string> cells;  // one a column
  Style style = kPlain;
  bool is_marked = false;
};

// Rows are known by the order in which they came, from 0 on. One thread.
class ListPane {
 public:
  // Some of all rows; the cursor stays on the row it is on, and the last ones may be seen only after Settle.
  void Append(std::vector<ListRow> rows);
  void Settle();
  void Clear();
  // Others in the place of all; the cursor stays on the row of its name, and that on its line.
  void Replace(std::vector<ListRow> rows);

  void SetSort(SortBy by, bool is_reversed);
  SortBy sort() const { return sort_; }
  bool is_reversed() const { return is_reversed_; }
  // Part of a name, whatever the case of its letters; with * or ? or [ the whole of it, as a shell's pattern.
  void SetFilter(std::string filter);
  const std::string& filter() const { return filter_; }

  size_t count() const { return rows_.size(); }
  size_t count_seen() const { return order_.size(); }
  const ListRow& row(size_t index) const { return rows_[index]; }
  const std::vector<size_t>& order() const { return order_; }
  bool empty() const { return order_.empty(); }
  size_t current() const { return order_[cursor_]; }  // a row; where it is not empty
  // Whether fewer than so many rows follow the one that the cursor is on.
  bool IsNearEnd(size_t rows) const { return cursor_ + rows >= order_.size(); }
  void Select(const std::string& name);
  // Keys that move the cursor; whether this was one.
  bool OnKey(const Key& key);
  void MoveBy(int64_t rows);

  // The first row is that of titles. `text_of` is asked only for rows that are seen.
  using TextOf = std::function<RowText(size_t row)>;
  void Draw(Canvas& canvas, size_t first, size_t rows, const std::vector<ListColumn>& columns, const TextOf& text_of);

 private:
  bool IsSeen(const ListRow& row) const;
  bool IsBefore(size_t a, size_t b) const;
  void Arrange();

  std::vector<ListRow> rows_;
  std::vector<size_t> order_;
  size_t arranged_ = 0;  // so many rows are in `order_`, where the filter lets them
  size_t cursor_ = 0, top_ = 0;
  size_t height_ = 1;       // as it was drawn last
  bool has_moved_ = false;  // else the cursor stays on the first line, whatever comes before what was there
  SortBy sort_ = SortBy::kName;
  bool is_reversed_ = false;
  std::string filter_;
};

}  // namespace cairn::browse
