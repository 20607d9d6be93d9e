#include "frontends/browse/tables_screen.h"

#include <algorithm>

#include "engine/env/number_text.h"
#include "frontends/browse/rows_screen.h"
#include "frontends/browse/snapshot_text.h"
#include "frontends/browse/text_screen.h"

namespace cairn::browse {

void OpenTables(ScreenHost& host, const view::ShownSnapshot& snapshot, const TreePath& path, const TreePath& file) {
  const auto& items = snapshot->inner.items;
  const std::string_view text = AsText(file.empty() ? path : file);
  const auto name = text.substr(0, text.find('/'));
  const auto is_meant = [&](const SnapshotItem& item) {
    return IsDatabase(item.kind) && (items.size() == 1 || path.empty() || item.name == name);
  };
  const auto number_of = [&](auto found) { return static_cast<uint32_t>(found - items.begin()); };
  const auto count = std::ranges::count_if(items, is_meant);
  if (count > 1) return host.Tell(Finding::Severity::kNote, "open one of the databases first");
  ShownDatabase database{.snapshot = snapshot};
  if (count == 1) {
    database.item_number = number_of(std::ranges::find_if(items, is_meant));
  } else {
    const auto found = items.size() == 1 ? items.begin() : std::ranges::find(items, name, &SnapshotItem::name);
    if (file.empty() || found == items.end()) {
      return host.Tell(Finding::Severity::kNote, "there is no database here: t on a SQLite file shows its tables");
    }
    database.item_number = number_of(found);
    database.file = file;
  }
  host.Open(std::make_unique<TablesScreen>(host, std::move(database)));
}

TablesScreen::TablesScreen(ScreenHost& host, ShownDatabase database)
    : ListScreen(host), database_(std::move(database)) {
  Reload();
}

void TablesScreen::Reload() {
  Restart();
  reading_.Start(world().readers, [world = world(), database = database_](const std::stop_token& stop) {
    return world.tables(database, stop);
  });
}

void TablesScreen::Poll() {
  auto read = reading_.Take();
  if (!read) return;
  if (!*read) {
    Fail(" the tables cannot be shown: " + read->error().message());
    return;
  }
  tables_ = **std::move(read);
  std::vector<ListRow> rows;
  for (const TableRow& one : tables_) {
    rows.push_back({.name = one.name, .size = one.bytes.value_or(0)});
  }
  list().Append(std::move(rows));
  list().Settle();
}

std::string TablesScreen::Title() const {
  return fmt::format("tables of {} {}", NameOf(database_),
                     FormatTimeThen(database_.snapshot->inner.start, world().context.clock));
}

std::string TablesScreen::Keys() const {
  return "Enter rows   r how to restore it   / filter   s sort   Esc back   ? help";
}

std::vector<ListColumn> TablesScreen::Columns() const {
  return {{.title = "Table"},
          {.title = "Rows", .width = 14, .is_number = true},
          {.title = "Size", .width = 10, .is_number = true, .screen_columns_min = 44},
          {.title = "", .width = 20, .screen_columns_min = 70}};
}

RowText TablesScreen::TextOf(size_t row) const {
  const TableRow& one = tables_[row];
  return {.cells = {PathForPeople(AsBytes(one.name)), one.rows ? HumanCount(*one.rows) : "",
                    one.bytes ? HumanBytes(*one.bytes) : "", one.note},
          .style = one.note.empty() ? kPlain : kDim};
}

std::string TablesScreen::Counted() const {
  return fmt::format("{} table{}", HumanCount(list().count()), list().count() == 1 ? "" : "s");
}

void TablesScreen::ShowCommands(const TableRow& table) {
  std::vector<TextLine> lines;
  if (!table.is_restorable) lines.push_back({" it comes back with the whole database alone (" + table.note + ")"});
  for (const ShellCommand& one : world().commands(database_, table.is_restorable ? table.name : "")) {
    if (!lines.empty()) lines.push_back({""});
    lines.push_back({" " + one.what, kDim});
    lines.push_back({" " + one.line, kBold});
  }
  host().Open(std::make_unique<TextScreen>(host(), "restore " + PathForPeople(AsBytes(table.name)), std::move(lines)));
}

bool TablesScreen::OnListKey(const Key& key) {
  const bool restores = key.restores();
  if (!key.opens() && !restores) return false;
  if (list().empty()) return true;
  const TableRow& table = tables_[list().current()];
  if (restores) {
    ShowCommands(table);
  } else {
    host().Open(std::make_unique<RowsScreen>(host(), database_, table.name));
  }
  return true;
}

}  // namespace cairn::browse
