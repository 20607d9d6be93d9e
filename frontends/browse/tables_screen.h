// The tables of a database in a snapshot.
#pragma once

#include <string>
#include <vector>

#include "frontends/browse/list_screen.h"
#include "frontends/browse/reading.h"

namespace cairn::browse {

// Opens the tables of the item that the path is in, or says why there are none.
void OpenTables(ScreenHost& host, const view::ShownSnapshot& snapshot, const TreePath& path);

class TablesScreen : public ListScreen {
 public:
  TablesScreen(ScreenHost& host, view::ShownSnapshot snapshot, uint32_t item);
  std::string Title() const override;
  std::string Keys() const override;
  void Poll() override;
  void Reload() override;

 protected:
  std::vector<ListColumn> Columns() const override;
  RowText TextOf(size_t row) const override;
  std::string Nothing() const override { return "the database has no tables"; }
  std::string Waiting() const override { return reading_.is_under_way() ? "reading the tables; Esc leaves it" : ""; }
  std::string Counted() const override;
  bool OnListKey(const Key& key) override;

 private:
  void ShowCommands(const TableRow& table);

  const view::ShownSnapshot snapshot_;
  const uint32_t item_;
  Reading<std::vector<TableRow>> reading_;
  std::vector<TableRow> tables_;
};

}  // namespace cairn::browse
