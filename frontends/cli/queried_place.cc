#include "frontends/cli/queried_place.h"

#include <algorithm>

#include "engine/tree/directory_reader.h"
#include "engine/tree/file_view.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

std::string Shown(const std::string& name) { return PathForPeople(AsBytes(name)); }

bool IsDatabase(const SnapshotItem& item) { return item.kind == ItemKind::kSqlite || item.kind == ItemKind::kPostgres; }

Error NoDatabase(const LoadedSnapshot& snapshot) {
  std::string names;
  for (const SnapshotItem& item : snapshot.inner.items) {
    if (IsDatabase(item)) names += (names.empty() ? "" : ", ") + Shown(item.name);
  }
  const std::string id = snapshot.id.Short();
  if (!names.empty()) {
    return MakeError(ErrorCode::kInvalidArgument, "snapshot {} has several databases ({}): say which, as {}:NAME", id,
                     names, id);
  }
  return MakeError(ErrorCode::kInvalidArgument,
                   "snapshot {} is of no database: a SQLite file in it is named by its path, as {}:/srv/app.db", id,
                   id);
}

Result<Node> OnlyFile(BlobSource& blobs, const LoadedSnapshot& snapshot, const SnapshotItem& item, TreePath* path) {
  std::vector<Node> nodes;
  TreeVisitor visitor;
  visitor.each = [&](const TreePath& at, const Node& node) -> Result<bool> {
    nodes.push_back(node);
    *path = at;
    return false;
  };
  RETURN_IF_ERROR(WalkTree(blobs, item.root, {}, visitor));
  if (nodes.size() != 1 || !nodes.front().content) {
    return Corrupt("the item {} of snapshot {} is {} files, expected 1", Shown(item.name), snapshot.id.Short(),
                   nodes.size());
  }
  return nodes.front();
}

}  // namespace

Result<void> LookAtJournals(BlobSource& blobs, const SnapshotPlace& place,
                            const std::function<void(const std::string&)>& tell) {
  const auto beside = [&](std::string_view suffix) {
    return FindPath(blobs, place.item->root, AsBytes(ToString(place.inside) + std::string(suffix)));
  };
  ASSIGN_OR_RETURN(const auto journal, beside("-journal"));
  if (journal && journal->content && journal->size > 0) {
    // The first bytes of one that is in use; zeros where it was done with. https://www.sqlite.org/fileformat.html, 3.
    const Bytes magic = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    Bytes begin(magic.size());
    const BlobFileView view(blobs, std::make_shared<const Node>(*journal));
    ASSIGN_OR_RETURN(const size_t got, view.Read(0, begin));
    if (got == begin.size() && Equal(begin, magic)) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "/{} was being written when it was backed up: restore it with its -journal, and open it there; "
                       "cairn backup --sqlite takes a database as it is at one moment",
                       PathForPeople(place.path));
    }
  }
  ASSIGN_OR_RETURN(const auto log, beside("-wal"));
  if (log && log->size > 0) {
    tell(
        fmt::format("beside /{} lies its log (-wal, {} bytes), which is not looked at: what was committed last may be "
                    "missing, and what was being moved out of the log may be half there. To have it too, restore both "
                    "files; cairn backup --sqlite takes a database as it is at one moment",
                    PathForPeople(place.path), log->size));
  }
  return {};
}

Result<QueriedPlace> FindQueried(BlobSource& blobs, const LoadedSnapshot& snapshot, const std::string& path,
                                 const std::function<void(const std::string&)>& tell) {
  const auto& items = snapshot.inner.items;
  std::string asked = path;
  const SnapshotItem* item = nullptr;
  if (path.empty() && items.size() > 1) {
    if (std::ranges::count_if(items, IsDatabase) != 1) return NoDatabase(snapshot);
    item = &*std::ranges::find_if(items, IsDatabase);
    asked = item->name;
  } else if (items.size() == 1 && IsDatabase(items.front()) && path == items.front().name) {
    asked.clear();  // the only item, by its name
  }
  ASSIGN_OR_RETURN(const SnapshotPlace place, FindInSnapshot(blobs, snapshot, AsBytes(asked)));
  QueriedPlace found{.item = place.item, .path = place.path, .file = {}};
  if (place.inside.empty()) {
    if (!IsDatabase(*place.item)) return NoDatabase(snapshot);
    if (place.item->kind == ItemKind::kPostgres) return found;
    ASSIGN_OR_RETURN(found.file, OnlyFile(blobs, snapshot, *place.item, &found.path));
    return found;
  }
  if (place.is_folder() || !place.node.content) {
    return MakeError(ErrorCode::kInvalidArgument, "/{} is no file, and so no SQLite database",
                     PathForPeople(place.path));
  }
  if (place.item->kind != ItemKind::kSqlite) RETURN_IF_ERROR(LookAtJournals(blobs, place, tell));
  found.file = place.node;
  return found;
}

}  // namespace cairn
