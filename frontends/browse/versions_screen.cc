#include "frontends/browse/versions_screen.h"

#include <algorithm>

#include "engine/env/number_text.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/browse/file_screens.h"
#include "frontends/browse/folder_screen.h"
#include "frontends/browse/restore_screen.h"
#include "frontends/browse/snapshot_text.h"

namespace cairn::browse {
namespace {

const SnapshotItem* ItemOf(const SnapshotInner& inner, const TreePath& path) {
  if (inner.items.size() == 1) return &inner.items.front();
  const std::string_view text = AsText(path);
  const auto found = std::ranges::find(inner.items, text.substr(0, text.find('/')), &SnapshotItem::name);
  return found == inner.items.end() ? nullptr : &*found;
}

// The item of another snapshot that is what `item` is of its own: by its name, or the only one of its kind.
const SnapshotItem* SameItem(const SnapshotInner& other, const SnapshotItem& item) {
  const auto is_same = [&](const SnapshotItem& one) { return one.kind == item.kind && one.name == item.name; };
  const auto found = std::ranges::find_if(other.items, is_same);
  if (found != other.items.end()) return &*found;
  const auto of_kind = [&](const SnapshotItem& one) { return one.kind == item.kind; };
  if (std::ranges::count_if(other.items, of_kind) != 1) return nullptr;
  return &*std::ranges::find_if(other.items, of_kind);
}

TreePath JoinPaths(const TreePath& a, const TreePath& b) { return b.empty() ? a : JoinPath(a, b); }

}  // namespace

VersionsScreen::VersionsScreen(ScreenHost& host, view::ShownSnapshot snapshot, TreePath path)
    : ListScreen(host), snapshot_(std::move(snapshot)), path_(std::move(path)) {
  list().SetSort(SortBy::kTime, false);
  Reload();
}

// Nothing: the snapshot has no such item, and so is none of these.
std::optional<VersionsScreen::Version> VersionsScreen::Look(const BrowseWorld& world, const LoadedSnapshot& origin,
                                                            const TreePath& path, const view::ShownSnapshot& snapshot) {
  const SnapshotItem* own = ItemOf(origin.inner, path);
  const SnapshotItem* item = own == nullptr ? nullptr : SameItem(snapshot->inner, *own);
  if (item == nullptr) return std::nullopt;
  const TreePath inside = PathBelow(path, origin.inner.PlaceOf(*own));
  Version version{.snapshot = snapshot, .path = JoinPaths(snapshot->inner.PlaceOf(*item), inside)};
  const auto place = FindInSnapshot(world.view.reader(), *snapshot, version.path);
  if (place) {
    version.type = place->node.type;
    version.size = place->node.size;
    version.modified = place->node.modified;
    version.mark = ContentMark(place->node);
  } else if (place.error().code() != ErrorCode::kNotFound) {
    version.error = place.error().message();
  }
  return version;
}

Result<void> VersionsScreen::Read(const BrowseWorld& world, const LoadedSnapshot& origin, const TreePath& path,
                                  Incoming& incoming, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const auto folders, world.view.snapshots().Look(view::ViewTree::Look::kUsual));
  std::vector<view::ShownSnapshot> snapshots;
  for (const auto& [name, entry] : folders->Find("by-id")->entries) {
    if (entry.kind == view::SnapshotFolders::Kind::kSnapshot) snapshots.push_back(entry.snapshot);
  }
  std::ranges::sort(snapshots, [](const auto& a, const auto& b) {
    return std::tie(b->inner.start, b->id) < std::tie(a->inner.start, a->id);
  });
  for (const view::ShownSnapshot& one : snapshots) {
    if (stop.stop_requested()) break;
    auto version = Look(world, origin, path, one);
    if (!version) continue;
    const std::lock_guard lock(incoming.mutex);
    incoming.versions.push_back(*std::move(version));
  }
  return {};
}

void VersionsScreen::Reload() {
  versions_.clear();
  numbers_.clear();
  own_mark_.clear();
  Restart();
  incoming_ = std::make_shared<Incoming>();
  reading_.Start(world().readers,
                 [world = world(), snapshot = snapshot_, path = path_, incoming = incoming_](
                     const std::stop_token& stop) { return Read(world, *snapshot, path, *incoming, stop); });
}

void VersionsScreen::Poll() {
  if (!reading_.is_under_way()) return;
  auto end = reading_.Take();
  std::vector<Version> fresh;
  {
    const std::lock_guard lock(incoming_->mutex);
    fresh.swap(incoming_->versions);
  }
  std::vector<ListRow> rows;
  for (Version& one : fresh) {
    if (!one.mark.empty()) numbers_.emplace(one.mark, numbers_.size() + 1);
    if (one.snapshot->id == snapshot_->id) own_mark_ = one.mark;
    rows.push_back(
        {.name = PathForPeople(one.snapshot->inner.host) + " " + TagsOf(*one.snapshot) + " " + one.snapshot->id.ToHex(),
         .size = one.size,
         .time = one.snapshot->inner.start});
    versions_.push_back(std::move(one));
  }
  if (!rows.empty()) list().Append(std::move(rows));
  if (!end) return;
  list().Settle();
  if (!*end) Fail(" the snapshots could not be read: " + end->error().message());
}

std::string VersionsScreen::Title() const { return "versions of /" + PathForPeople(path_); }

std::string VersionsScreen::Keys() const {
  return "Enter its folder  p preview  i details  r restore  / filter  Esc back  ? help";
}

std::vector<ListColumn> VersionsScreen::Columns() const {
  return {{.title = "Snapshot", .width = 19},
          {.title = "Size", .width = 10, .is_number = true, .screen_columns_min = 44},
          {.title = "Modified", .width = 19, .screen_columns_min = 66},
          {.title = "Host", .width = 12, .screen_columns_min = 96},
          {.title = "Content"}};
}

RowText VersionsScreen::TextOf(size_t row) const {
  const Version& one = versions_[row];
  const Clock& clock = world().context.clock;
  RowText text;
  const bool is_there = !one.mark.empty();
  std::string content;
  if (!one.error.empty()) {
    content = "unreadable: " + one.error;
    text.style = kError;
  } else if (!is_there) {
    content = "not there";
    text.style = kDim;
  } else {
    const bool is_own = one.snapshot->id == snapshot_->id;
    const std::string_view word = is_own                  ? "this one"
                                  : own_mark_.empty()     ? ""
                                  : one.mark == own_mark_ ? "the same"
                                                          : "differs";
    content = fmt::format("#{}  {}", numbers_.at(one.mark), word);
    if (is_own) text.style = kBold;
    if (!own_mark_.empty() && one.mark != own_mark_) text.style = {.color = Color::kYellow};
  }
  text.cells = {FormatTimeThen(one.snapshot->inner.start, clock),
                is_there && one.type == NodeType::kFile ? HumanBytes(one.size) : "",
                is_there ? FormatTimeThen(one.modified, clock) : "", PathForPeople(one.snapshot->inner.host),
                std::move(content)};
  return text;
}

std::string VersionsScreen::Waiting() const {
  return reading_.is_under_way() ? "looking into the snapshots; Esc leaves it" : "";
}

std::string VersionsScreen::Counted() const {
  const auto there = std::ranges::count_if(versions_, [](const Version& one) { return !one.mark.empty(); });
  return fmt::format("{} version{} in {} of {} snapshots", numbers_.size(), numbers_.size() == 1 ? "" : "s", there,
                     versions_.size());
}

bool VersionsScreen::OnListKey(const Key& key) {
  const bool opens = key.opens(), previews = key.previews(), restores = key.restores();
  if (!opens && !previews && !restores && !key.IsOneOf("i")) return false;
  if (list().empty()) return true;
  const Version& one = versions_[list().current()];
  if (one.mark.empty()) {
    host().Tell(Finding::Severity::kNote, one.error.empty() ? "it is not in this snapshot" : one.error);
    return true;
  }
  const bool is_folder = one.type == NodeType::kFolder;
  if (opens && is_folder) {
    host().Open(std::make_unique<FolderScreen>(host(), one.snapshot, one.path));
  } else if (opens) {
    const auto slash = std::ranges::find(one.path.rbegin(), one.path.rend(), '/');
    const auto end = slash == one.path.rend() ? one.path.begin() : slash.base() - 1;
    host().Open(std::make_unique<FolderScreen>(host(), one.snapshot, TreePath(one.path.begin(), end),
                                               ToString(Bytes(slash.base(), one.path.end()))));
  } else if (previews) {
    host().Open(MakePreview(host(), one.snapshot, one.path));
  } else if (key.IsOneOf("i")) {
    host().Open(MakeDetails(host(), one.snapshot, one.path));
  } else {
    Marks marks;
    IgnoreError(marks.Toggle(one.path, {.is_folder = is_folder, .size = one.size}), "the first one always goes");
    host().Open(std::make_unique<RestoreScreen>(host(), one.snapshot, std::move(marks)));
  }
  return true;
}

}  // namespace cairn::browse
