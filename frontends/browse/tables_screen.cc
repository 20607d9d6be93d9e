#include "frontends/browse/tables_screen.h"

#include <algorithm>

#include "engine/env/number_text.h"
#include "frontends/browse/snapshot_text.h"
#include "frontends/browse/text_screen.h"

namespace cairn::browse {

void OpenTables(ScreenHost& host, const view::ShownSnapshot& snapshot, const TreePath& path) {
  const auto& items = snapshot->inner.items;
  const std::string_view text = AsText(path);
  const auto name = text.substr(0, text.find('/'));
  const auto is_meant = [&](const SnapshotItem& item) {
    return IsDatabase(item.kind) && (items.size() == 1 || path.empty() || item.name == name);
  };
  const auto count = std::ranges::count_if(items, is_meant);
  if (count == 0) return host.Tell(Finding::Severity::kNote, "there is no database here");
  if (count > 1) return host.Tell(Finding::Severity::kNote, "open one of the databases first");
  const auto item = static_cast<uint32_t>(std::ranges::find_if(items, is_meant) - items.begin());
  host.Open(std::make_unique<TablesScreen>(host, snapshot, item));
}

TablesScreen::TablesScreen(ScreenHost& host, view::ShownSnapshot snapshot, uint32_t item)
    : ListScreen(host), snapshot_(std::move(snapshot)), item_(item) {
  Reload();
}

void TablesScreen::Reload() {
  list().Clear();
  failure_.clear();
  reading_.Start(world().readers, [world = world(), snapshot = snapshot_, item = item_](const std::stop_token& stop) {
    return world.tables(*snapshot, item, stop);
  });
}

void TablesScreen::Poll() {
  auto read = reading_.Take();
  if (!read) return;
  if (!*read) {
    failure_ = " the tables cannot be shown: " + read->error().message();
    return;
  }
  tables_ = **std::move(read);
  std::vector<ListRow> rows;
  for (const TableRow& one : tables_.tables) {
    rows.push_back({.name = one.name, .size = one.bytes.value_or(0)});
  }
  list().Append(std::move(rows));
  list().Settle();
}

std::string TablesScreen::Title() const {
  const SnapshotItem& item = snapshot_->inner.items[item_];
  const std::string name = PathForPeople(item.paths.size() == 1 ? ByteSpan(item.paths.front()) : AsBytes(item.name));
  return fmt::format("tables of {} {}", name, FormatTimeThen(snapshot_->inner.start, world().context.clock));
}

std::string TablesScreen::Keys() const { return "Enter how to restore it   / filter   s sort   Esc back   ? help"; }

std::vector<ListColumn> TablesScreen::Columns() const {
  return {{.title = "Table"},
          {.title = "Rows", .width = 14, .is_number = true},
          {.title = "Size", .width = 10, .is_number = true, .screen_columns_min = 44},
          {.title = "", .width = 20, .screen_columns_min = 70}};
}

RowText TablesScreen::TextOf(size_t row) const {
  const TableRow& one = tables_.tables[row];
  return {.cells = {PathForPeople(AsBytes(one.name)), one.rows ? HumanCount(*one.rows) : "",
                    one.bytes ? HumanBytes(*one.bytes) : "", one.note},
          .style = one.note.empty() ? kPlain : kDim};
}

std::string TablesScreen::Counted() const {
  return fmt::format("{} table{}", HumanCount(list().count()), list().count() == 1 ? "" : "s");
}

bool TablesScreen::OnListKey(const Key& key) {
  const bool is_mine =
      key.Is(KeyCode::kEnter) || key.Is(KeyCode::kRight) || key.IsOneOf("lr") || key.Is(KeyCode::kRestore);
  if (!is_mine || list().empty()) return is_mine;
  const std::string& name = tables_.tables[list().current()].name;
  std::vector<TextLine> lines{
      {"A table goes back into a database by these commands; each says what it would do", kPlain},
      {"where --dry-run stands behind it, and keeps what it replaces.", kPlain},
      {""}};
  for (std::string command : tables_.commands) {
    const std::string quoted = "'" + PathForPeople(AsBytes(name)) + "'";
    if (const size_t at = command.find("TABLE"); at != std::string::npos) command.replace(at, 5, quoted);
    lines.push_back({"  " + command, kBold});
  }
  host().Open(std::make_unique<TextScreen>(host(), "restore " + PathForPeople(AsBytes(name)), std::move(lines)));
  return true;
}

}  // namespace cairn::browse
