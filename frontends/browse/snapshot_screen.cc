#include "frontends/browse/snapshot_screen.h"

#include <algorithm>

#include "engine/env/number_text.h"
#include "frontends/browse/folder_screen.h"
#include "frontends/browse/glyphs.h"
#include "frontends/browse/restore_screen.h"
#include "frontends/browse/snapshot_text.h"
#include "frontends/browse/tables_screen.h"
#include "frontends/browse/text_screen.h"

namespace cairn::browse {
namespace {

constexpr std::chrono::seconds kPause(5);
constexpr size_t kWideColumns = 100;

}  // namespace

SnapshotScreen::SnapshotScreen(ScreenHost& host) : ListScreen(host) {
  list().SetSort(SortBy::kTime, false);
  Reload();
}

void SnapshotScreen::Reload() {
  looking_.Start(world().readers, [&view = world().view](const std::stop_token&) {
    return view.snapshots().Look(view::ViewTree::Look::kUsual);
  });
}

void SnapshotScreen::Poll() {
  const auto now = world().context.clock.Steady();
  if (auto looked = looking_.Take()) {
    looked_at_ = now;
    Fail("");
    if (*looked) {
      Show(**looked);
    } else {
      Fail(" the snapshots could not be read: " + looked->error().message());
    }
  }
  if (!looking_.is_under_way() && now - looked_at_ > kPause) Reload();
}

void SnapshotScreen::Show(const Folders& folders) {
  if (folders == shown_) return;
  shown_ = folders;
  snapshots_.clear();
  std::vector<ListRow> rows;
  host_width_ = 4;
  tags_width_ = 0;
  for (const auto& [name, entry] : folders->Find("by-id")->entries) {
    if (entry.snapshot == nullptr || entry.kind != view::SnapshotFolders::Kind::kSnapshot) continue;
    const LoadedSnapshot& one = *entry.snapshot;
    const std::string host = PathForPeople(one.inner.host);
    const std::string tags = TagsOf(one);
    host_width_ = std::clamp<size_t>(WidthOf(host), host_width_, 20);
    tags_width_ = std::clamp<size_t>(WidthOf(tags), tags_width_, 24);
    rows.push_back({.name = fmt::format("{} {} {} {} {}", host, PathsOf(one), KindOf(one), tags, one.id.ToHex()),
                    .size = one.inner.totals.bytes,
                    .time = one.inner.start});
    snapshots_.push_back(entry.snapshot);
  }
  list().Replace(std::move(rows));
}

void SnapshotScreen::Draw(Canvas& canvas, const ScreenLines& lines) {
  columns_ = canvas.columns();
  ListScreen::Draw(canvas, lines);
}

std::vector<ListColumn> SnapshotScreen::Columns() const {
  const bool is_wide = columns_ >= kWideColumns;
  const size_t tags = std::max<size_t>(std::min<size_t>(tags_width_, is_wide ? 24 : 10), 4);
  return {{.title = "Time", .width = is_wide ? size_t{19} : size_t{16}},
          {.title = "Host", .width = std::min<size_t>(host_width_, is_wide ? 20 : 12), .screen_columns_min = 56},
          {.title = "What", .width = 10},
          {.title = "Files", .width = 11, .is_number = true, .screen_columns_min = kWideColumns},
          {.title = "Size", .width = 10, .is_number = true, .screen_columns_min = 44},
          {.title = "Tags", .width = tags_width_ > 0 ? tags : 0, .screen_columns_min = tags_width_ > 0 ? 72 : SIZE_MAX},
          {.title = "Id", .width = 8, .screen_columns_min = 120},
          {.title = "Paths", .keeps_end = true}};
}

RowText SnapshotScreen::TextOf(size_t row) const {
  const LoadedSnapshot& one = *snapshots_[row];
  const std::string time = FormatTimeThen(one.inner.start, world().context.clock);
  RowText text{.cells = {columns_ >= kWideColumns ? time : time.substr(0, 16), PathForPeople(one.inner.host),
                         KindOf(one), HumanCount(one.inner.totals.files), HumanBytes(one.inner.totals.bytes),
                         TagsOf(one), one.id.Short(), PathsOf(one)}};
  const bool is_complete = std::ranges::all_of(one.inner.items, &SnapshotItem::complete);
  if (!is_complete) text.style = kWarning;
  if (one.inner.snapshot_class != SnapshotClass::kOrdinary) text.style.dim = true;
  text.is_marked = !host().MarksOf(one.id).empty();
  return text;
}

std::string SnapshotScreen::Waiting() const {
  return shown_ == nullptr && !has_failed() ? "reading the snapshots" : "";
}

std::string SnapshotScreen::Counted() const {
  return fmt::format("{} snapshot{}", HumanCount(list().count()), list().count() == 1 ? "" : "s");
}

std::string SnapshotScreen::Keys() const {
  return "Enter open  r restore  t tables  i details  / filter  s sort  ? help  q quit";
}

bool SnapshotScreen::OnListKey(const Key& key) {
  const bool is_mine = key.opens() || key.restores() || key.IsOneOf("ti");
  if (!is_mine || list().empty()) return is_mine;
  const view::ShownSnapshot& one = snapshots_[list().current()];
  if (key.opens()) {
    host().Open(std::make_unique<FolderScreen>(host(), one, TreePath()));
  } else if (key.IsOneOf("t")) {
    OpenTables(host(), one, TreePath());
  } else if (key.IsOneOf("i")) {
    host().Open(std::make_unique<TextScreen>(host(), "snapshot " + one->id.Short(),
                                             SnapshotLines(*one, world().context.clock)));
  } else {
    host().Open(std::make_unique<RestoreScreen>(host(), one, host().MarksOf(one->id)));
  }
  return true;
}

}  // namespace cairn::browse
