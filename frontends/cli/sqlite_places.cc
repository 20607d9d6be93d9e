#include "frontends/cli/sqlite_places.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "engine/tree/list_reader.h"
#include "frontends/cli/origin.h"
#include "frontends/cli/replacement.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr size_t kHeaderBytes = 100;
constexpr size_t kRunsNamedMax = 5;

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

bool IsOf(const SnapshotInner& inner, const std::string& file) {
  const SnapshotItem& item = inner.items.front();
  return inner.host == HostName() && std::ranges::find(item.paths, ToBytes(AsBytes(file))) != item.paths.end();
}

}  // namespace

Result<void> SqliteTarget::RefuseOthers() const {
  if (others.empty()) return {};
  return MakeError(
      ErrorCode::kInvalidArgument,
      "there is no {}, but {}: SQLite would take that for its own and write it over what is restored: move "
      "it away, or the database that it belongs to back",
      Shown(file()), others);
}

Result<SqliteTarget> LookAtSqliteTarget(const std::string& file) {
  SqliteTarget target;
  struct stat status{};
  if (::lstat(file.c_str(), &status) == 0) {
    ASSIGN_OR_RETURN(const std::string real, RealSqlitePath(file));
    const std::filesystem::path path(real);
    target.place = {path.parent_path().native(), path.filename().native()};
    target.exists = true;
    ASSIGN_OR_RETURN(target.state, LookAtSqliteFile(real));
    return target;
  }
  if (errno != ENOENT) return ErrnoError(errno, "looking at " + Shown(file));
  const std::filesystem::path path(file);
  const std::string name = path.filename().native();
  if (name.empty() || name == "." || name == "..") {
    return MakeError(ErrorCode::kInvalidArgument, "{} is no name of a file", Shown(file));
  }
  std::error_code failure;
  const auto folder = std::filesystem::canonical(path.has_parent_path() ? path.parent_path() : ".", failure);
  if (failure) return ErrnoError(failure.value(), "looking at the folder of " + Shown(file));
  target.place = {folder.native(), name};
  for (const std::string_view suffix : {"-wal", "-shm", "-journal"}) {
    const std::string other = target.file() + std::string(suffix);
    if (::lstat(other.c_str(), &status) == 0) target.others += (target.others.empty() ? "" : ", ") + Shown(other);
  }
  return target;
}

Result<SqliteReplacement> FindSqliteReplacement(const OpenedSnapshot& opened, const SnapshotItem* item) {
  SqliteReplacement found;
  if (item->source_parameters) {
    ASSIGN_OR_RETURN(found.parameters, SqliteParameters::Parse(*item->source_parameters));
  }
  ASSIGN_OR_RETURN(const SnapshotPlace place,
                   FindInSnapshot(*opened.reader, *opened.snapshot, opened.snapshot->inner.PlaceOf(*item)));
  std::vector<Node> nodes;
  TreeVisitor visitor;
  visitor.each = [&](const TreePath& path, const Node& node) -> Result<bool> {
    nodes.push_back(node);
    found.path = path;
    return false;
  };
  RETURN_IF_ERROR(opened.Walk(place, visitor));
  if (nodes.size() != 1 || nodes.front().type != NodeType::kFile || !nodes.front().content) {
    return Corrupt("the item {} of snapshot {} is {} files, expected 1", Shown(item->name), opened.snapshot->id.Short(),
                   nodes.size());
  }
  found.bytes = nodes.front().size;
  Bytes header;
  const auto take = [&](uint64_t, const ListEntry& entry) -> Result<void> {
    if (entry.type == ListEntry::Type::kHole) {
      header.resize(header.size() + kHeaderBytes);
      return {};
    }
    ASSIGN_OR_RETURN(const auto blob, opened.reader->ReadBlob(BlobKind::kData, entry.id));
    Append(header, *blob);
    return {};
  };
  RETURN_IF_ERROR(ForEachEntry(*opened.reader, *nodes.front().content, 0, kHeaderBytes, take));
  found.page_bytes = SqlitePageBytes(header);
  found.text_encoding = SqliteTextEncoding(header);
  if (found.bytes == 0 || found.page_bytes != 0) return found;
  return Corrupt("the item {} of snapshot {} does not begin as a SQLite database does", Shown(item->name),
                 opened.snapshot->id.Short());
}

Result<const LoadedSnapshot*> FindSqliteBefore(const SnapshotSet& set, const std::string& run,
                                               const std::string& file) {
  const LoadedSnapshot* elsewhere = nullptr;
  std::string runs;
  size_t count = 0;
  const std::string before = DescriptionBefore("");
  for (auto one = set.snapshots.rbegin(); one != set.snapshots.rend(); ++one) {
    const SnapshotInner& inner = one->inner;
    const bool is_safety = one->opened && inner.snapshot_class == SnapshotClass::kSafety && inner.items.size() == 1 &&
                           inner.items.front().kind == ItemKind::kSqlite && inner.description.starts_with(before);
    if (!is_safety) continue;
    const bool is_of_run = inner.description == DescriptionBefore(run);
    if (!IsOf(inner, file)) {
      if (is_of_run) elsewhere = &*one;
      continue;
    }
    if (is_of_run) return &*one;
    if (++count <= kRunsNamedMax) runs += (runs.empty() ? "" : ", ") + inner.description.substr(before.size());
  }
  if (elsewhere != nullptr) {
    const SnapshotItem& item = elsewhere->inner.items.front();
    return MakeError(ErrorCode::kInvalidArgument,
                     "restore {} replaced {} of host {}, not {} of {}: cairn restore {} --sqlite FILE puts what was "
                     "there anywhere",
                     run, item.paths.empty() ? Shown(item.name) : PathForPeople(item.paths.front()),
                     PathForPeople(elsewhere->inner.host), Shown(file), PathForPeople(HostName()),
                     elsewhere->id.Short());
  }
  return MakeError(ErrorCode::kNotFound, "there is no safety snapshot of {} from a restore {}: {}", Shown(file), run,
                   runs.empty() ? "there is none of it" : "there are those of " + runs);
}

}  // namespace cairn
