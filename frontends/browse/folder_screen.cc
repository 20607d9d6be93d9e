#include "frontends/browse/folder_screen.h"

#include <algorithm>

#include "engine/env/number_text.h"
#include "engine/tree/directory_reader.h"
#include "engine/tree/mode_text.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/browse/file_screens.h"
#include "frontends/browse/restore_screen.h"
#include "frontends/browse/snapshot_text.h"
#include "frontends/browse/tables_screen.h"
#include "frontends/browse/versions_screen.h"

namespace cairn::browse {
namespace {

constexpr size_t kEntriesMax = 200'000;  // some 60 MiB
constexpr size_t kBatch = 256;
constexpr uint64_t kFailuresMax = 10'000;  // of a root that cannot be read there is no end

FolderEntry EntryOf(const Node& node) {
  const std::string user = node.user.empty() ? fmt::format("{}", node.uid) : PathForPeople(node.user);
  const std::string group = node.group.empty() ? fmt::format("{}", node.gid) : PathForPeople(node.group);
  return {.name = node.name,
          .type = node.type,
          .mode = node.mode,
          .owner = user + ":" + group,
          .modified = node.modified,
          .size = node.size,
          .target = node.target,
          .device = node.device};
}

Style StyleOf(const FolderEntry& entry) {
  switch (entry.type) {
    case NodeType::kFolder:
      return {.color = Color::kBlue, .bold = true};
    case NodeType::kSymlink:
      return {.color = Color::kCyan};
    case NodeType::kFile:
      return (entry.mode & 0111) != 0 ? Style{.color = Color::kGreen} : kPlain;
    default:
      return {.color = Color::kYellow};
  }
}

}  // namespace

FolderScreen::FolderScreen(ScreenHost& host, view::ShownSnapshot snapshot, TreePath path, std::string selected)
    : ListScreen(host), snapshot_(std::move(snapshot)), path_(std::move(path)), selected_(std::move(selected)) {
  Reload();
  const auto& items = snapshot_->inner.items;
  if (path_.empty() && items.size() == 1 && IsDatabase(items.front().kind)) {
    this->host().Tell(Finding::Severity::kNote, KindOf(items.front().kind) + " database: t lists its tables");
  }
}

Result<FolderScreen::End> FolderScreen::Read(const BrowseWorld& world, const LoadedSnapshot& snapshot,
                                             const TreePath& path, Incoming& incoming, const std::stop_token& stop) {
  BlobSource& blobs = world.view.reader();
  ASSIGN_OR_RETURN(const SnapshotPlace place, FindInSnapshot(blobs, snapshot, path));
  End end;
  std::vector<FolderEntry> batch;
  const auto hand_over = [&] {
    const std::lock_guard lock(incoming.mutex);
    std::ranges::move(batch, std::back_inserter(incoming.entries));
    batch.clear();
  };
  if (place.item == nullptr) {
    for (const SnapshotItem& item : snapshot.inner.items) batch.push_back(EntryOf(FolderOfItem(snapshot.inner, item)));
    hand_over();
    return end;
  }
  if (!place.node.subtree) return Error(ErrorCode::kInvalidArgument, "it is no folder");
  DirectoryCursor cursor(blobs, place.node.subtree->root);
  size_t count = 0;
  for (uint64_t failures = 0; !stop.stop_requested() && !end.is_cut;) {
    const auto node = cursor.Next();
    if (node && *node == nullptr) break;
    if (node) {
      batch.push_back(EntryOf(**node));
      end.is_cut = ++count >= kEntriesMax;
    } else if (node.error().code() == ErrorCode::kUnsupported) {
      ++end.unreadable;
    } else {
      end.damage = node.error();
      if (!IsLoss(node.error().code()) || ++failures > kFailuresMax) break;
    }
    if (batch.size() >= kBatch) hand_over();
  }
  hand_over();
  return end;
}

void FolderScreen::Reload() {
  entries_.clear();
  Restart();
  incoming_ = std::make_shared<Incoming>();
  reading_.Start(world().readers,
                 [world = world(), snapshot = snapshot_, path = path_,
                  incoming = incoming_](const std::stop_token& stop) -> Result<End> {
                   auto end = Read(world, *snapshot, path, *incoming, stop);
                   view::Place place;
                   place.kind = view::Place::Kind::kNode;
                   place.snapshot = snapshot;
                   const auto judged = [&](const Error& error) {
                     return world.view.tree().Judge(place, "/" + PathForPeople(path), error);
                   };
                   if (stop.stop_requested()) return end;
                   if (!end) return judged(end.error());
                   if (end->damage) end->damage = judged(*end->damage);
                   return end;
                 });
}

void FolderScreen::TakeIncoming() {
  std::vector<FolderEntry> entries;
  {
    const std::lock_guard lock(incoming_->mutex);
    entries.swap(incoming_->entries);
  }
  if (entries.empty()) return;
  std::vector<ListRow> rows;
  for (FolderEntry& entry : entries) {
    rows.push_back({.name = ToString(entry.name),
                    .size = entry.size,
                    .time = entry.modified,
                    .is_first = entry.type == NodeType::kFolder});
    entries_.push_back(std::move(entry));
  }
  list().Append(std::move(rows));
}

void FolderScreen::TakeEnd(Result<End> end) {
  list().Settle();
  if (!selected_.empty()) list().Select(std::exchange(selected_, ""));
  if (!end) {
    Fail(" this folder cannot be read: " + end.error().message() + " (R reads it again)");
  } else if (end->damage) {
    const bool is_lost = IsLoss(end->damage->code());
    Fail(fmt::format(" {}, and only a part of it is shown: {}",
                     is_lost ? "this folder is damaged" : "this folder could not be read whole",
                     end->damage->message()));
  } else if (end->is_cut) {
    Fail(fmt::format(" only the first {} entries are shown; cairn find looks through all of them",
                     HumanCount(kEntriesMax)));
  } else if (end->unreadable > 0) {
    Fail(fmt::format(" {} entries were written by a later version of cairn, and are not shown", end->unreadable));
  }
}

void FolderScreen::Poll() {
  if (!reading_.is_under_way()) return;
  auto end = reading_.Take();
  TakeIncoming();
  if (end) TakeEnd(*std::move(end));
}

std::string FolderScreen::Title() const { return PlaceOf(*snapshot_, path_, world().context.clock); }

std::string FolderScreen::Status() const {
  std::string text = ListScreen::Status();
  const Marks& marks = host().MarksOf(snapshot_->id);
  return marks.empty() ? text : fmt::format("{} marked   {}", marks.count(), text);
}

std::string FolderScreen::Keys() const {
  return "Enter open  Space mark  r restore  v versions  i details  / filter  ? help  q";
}

std::vector<ListColumn> FolderScreen::Columns() const {
  return {{.title = "Name"},
          {.title = "Size", .width = 10, .is_number = true, .screen_columns_min = 36},
          {.title = "Modified", .width = 19, .screen_columns_min = 60},
          {.title = "Mode", .width = 10, .screen_columns_min = 74},
          {.title = "Owner", .width = 17, .screen_columns_min = 100}};
}

RowText FolderScreen::TextOf(size_t row) const {
  const FolderEntry& entry = entries_[row];
  std::string name = PathForPeople(entry.name);
  if (entry.type == NodeType::kFolder) name += "/";
  if (entry.type == NodeType::kSymlink) name += " -> " + PathForPeople(entry.target);
  std::string size = entry.type == NodeType::kFile ? HumanBytes(entry.size) : "";
  if (entry.device) size = fmt::format("{},{}", entry.device->major, entry.device->minor);
  const Marks& marks = host().MarksOf(snapshot_->id);
  const TreePath path = PathOf(row);
  RowText text{.cells = {std::move(name), std::move(size), FormatTimeThen(entry.modified, world().context.clock),
                         ModeText(entry.type, entry.mode), entry.owner},
               .style = StyleOf(entry),
               .is_marked = marks.Covers(path)};
  if (text.is_marked) text.style = {.color = Color::kYellow, .bold = true};
  return text;
}

std::string FolderScreen::Waiting() const {
  if (!reading_.is_under_way()) return "";
  return entries_.empty() ? "reading the folder; Esc leaves it" : "reading";
}

std::string FolderScreen::Counted() const {
  return fmt::format("{} entr{}", HumanCount(entries_.size()), entries_.size() == 1 ? "y" : "ies");
}

// Of a SQLite item the file is the database: its bytes say nothing to who opens it.
bool FolderScreen::HasTables(const TreePath& path) const {
  const auto& items = snapshot_->inner.items;
  const std::string_view name = AsText(path).substr(0, AsText(path).find('/'));
  const auto found =
      std::ranges::find_if(items, [&](const SnapshotItem& one) { return items.size() == 1 || one.name == name; });
  return found != items.end() && found->kind == ItemKind::kSqlite;
}

void FolderScreen::OpenCurrent() {
  const FolderEntry& entry = entries_[list().current()];
  const TreePath path = PathOf(list().current());
  if (entry.type == NodeType::kFolder) {
    host().Open(std::make_unique<FolderScreen>(host(), snapshot_, path));
  } else if (entry.type == NodeType::kFile && HasTables(path)) {
    OpenTables(host(), snapshot_, path);
  } else if (entry.type == NodeType::kFile) {
    host().Open(MakePreview(host(), snapshot_, path));
  } else {
    host().Open(MakeDetails(host(), snapshot_, path));
  }
}

void FolderScreen::MarkCurrent() {
  const FolderEntry& entry = entries_[list().current()];
  const auto marked =
      host()
          .MarksOf(snapshot_->id)
          .Toggle(PathOf(list().current()), {.is_folder = entry.type == NodeType::kFolder, .size = entry.size});
  if (!marked) host().Tell(Finding::Severity::kWarning, marked.error().message());
  list().MoveBy(1);
}

void FolderScreen::Restore() {
  Marks marks = host().MarksOf(snapshot_->id);
  if (marks.empty()) {
    const FolderEntry& entry = entries_[list().current()];
    const auto marked =
        marks.Toggle(PathOf(list().current()), {.is_folder = entry.type == NodeType::kFolder, .size = entry.size});
    if (!marked) return;
  }
  host().Open(std::make_unique<RestoreScreen>(host(), snapshot_, std::move(marks)));
}

bool FolderScreen::OnListKey(const Key& key) {
  if (key.IsOneOf("u")) {
    host().MarksOf(snapshot_->id).Clear();
    return true;
  }
  if (key.IsOneOf("t")) {
    const bool is_on_file = !list().empty() && entries_[list().current()].type == NodeType::kFile;
    OpenTables(host(), snapshot_, path_, is_on_file ? PathOf(list().current()) : TreePath());
    return true;
  }
  const bool opens = key.opens(), previews = key.previews(), restores = key.restores();
  if (!opens && !previews && !restores && !key.IsOneOf(" iv")) return false;
  if (list().empty()) {
    // What is marked elsewhere may still be restored.
    if (restores && !host().MarksOf(snapshot_->id).empty()) {
      host().Open(std::make_unique<RestoreScreen>(host(), snapshot_, host().MarksOf(snapshot_->id)));
    } else if (restores) {
      host().Tell(Finding::Severity::kNote, "nothing is marked, and nothing is here");
    }
    return true;
  }
  if (opens) {
    OpenCurrent();
  } else if (restores) {
    Restore();
  } else if (previews) {
    host().Open(MakePreview(host(), snapshot_, PathOf(list().current())));
  } else if (key.IsOneOf("i")) {
    host().Open(MakeDetails(host(), snapshot_, PathOf(list().current())));
  } else if (key.IsOneOf("v")) {
    host().Open(std::make_unique<VersionsScreen>(host(), snapshot_, PathOf(list().current())));
  } else {
    MarkCurrent();
  }
  return true;
}

}  // namespace cairn::browse
