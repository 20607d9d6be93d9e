// The tables of a database in a snapshot.
#pragma once

#include <string>
#include <vector>

#include "frontends/browse/list_screen.h"
#include "frontends/browse/reading.h"

namespace cairn::browse {

// Opens the tables of the item that the path is in, where that is a database, else those of `file`, which the cursor is
// on (empty: none); or says why there are none.
void OpenTables(ScreenHost& host, const view::ShownSnapshot& snapshot, const TreePath& path, const TreePath& file = {});

class TablesScreen : public ListScreen {
 public:
  TablesScreen(ScreenHost& host, ShownDatabase database);
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

  const ShownDatabase database_;
  Reading<std::vector<TableRow>> reading_;
  std::vector<TableRow> tables_;
};

}  // namespace cairn::browse
