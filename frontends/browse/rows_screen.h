// The rows of a table of a database in a snapshot.
#pragma once

#include <string>
#include <vector>

#include "frontends/browse/list_screen.h"
#include "frontends/browse/reading.h"

namespace cairn::browse {

// As many rows as are looked at: more come when the cursor is near the last of them. Memory: kBytesMax, twice.
class RowsScreen : public ListScreen {
 public:
  RowsScreen(ScreenHost& host, ShownDatabase database, std::string table);
  std::string Title() const override;
  std::string Keys() const override;
  void Poll() override;
  void Reload() override;

  static constexpr uint64_t kBytesMax = 32ULL * 1024 * 1024;

 protected:
  std::vector<ListColumn> Columns() const override;
  RowText TextOf(size_t row) const override;
  std::string Nothing() const override { return "the table has no rows"; }
  std::string Waiting() const override;
  std::string Counted() const override;
  bool OnListKey(const Key& key) override;
  bool can_sort() const override { return false; }

 private:
  struct Column {
    std::string name;
    size_t width = 0;
    bool is_number = true;
  };
  void Ask();
  void Take(RowPage page);
  void Measure(size_t first);
  void OpenRow(size_t row);

  const ShownDatabase database_;
  const std::string table_;
  Reading<RowPage> reading_;
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
  uint64_t bytes_ = 0;
  size_t first_column_ = 0;  // that is seen
  bool is_end_ = false;
};

}  // namespace cairn::browse
