#include <algorithm>
#include <filesystem>

#include "engine/jobs/live_diff.h"
#include "engine/repo/blob_reader.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/cli/command.h"
#include "frontends/cli/diff_report.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/table_diff.h"
#include "frontends/files/file_source.h"
#include "frontends/files/path_plan.h"
#include "frontends/files/recorded_rules.h"
#include "repo-format/sqlite_parameters.h"

namespace cairn {
namespace {

// A path of this machine, where a snapshot may be named too.
bool IsFolderName(const std::string& name) {
  return name.starts_with("/") || name == "." || name == ".." || name.starts_with("./") || name.starts_with("../");
}

bool IsFile(const std::string& name) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(name, ignored);
}

bool IsDatabase(const SnapshotItem& item) { return item.kind == ItemKind::kSqlite || item.kind == ItemKind::kPostgres; }

DiffReport::Size SizeOf(const Node* node) {
  return node != nullptr && node->type == NodeType::kFile ? DiffReport::Size(node->size) : DiffReport::Size();
}
DiffReport::Size SizeOf(const SourceEntry* entry) {
  return entry != nullptr && entry->type == NodeType::kFile ? DiffReport::Size(entry->size) : DiffReport::Size();
}

// A folder of a source; kNotFound where it has none there.
Result<std::shared_ptr<SourceFolder>> FolderAt(std::shared_ptr<SourceFolder> folder, std::string_view path) {
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    const Bytes name = ToBytes(AsBytes(path.substr(0, end)));
    path.remove_prefix(std::min(end + 1, path.size()));
    if (name.empty()) continue;
    ASSIGN_OR_RETURN(const auto entries, folder->List());
    const auto found = std::ranges::find(entries, name, &SourceEntry::name);
    if (found == entries.end() || found->type != NodeType::kFolder) {
      return MakeError(ErrorCode::kNotFound, "there is no folder \"{}\"", PathForPeople(name));
    }
    ASSIGN_OR_RETURN(folder, folder->OpenFolder(*found));
  }
  return folder;
}

struct DiffCommand {
  FilterOptions filter;
  std::string name_before, name_after;
  bool metadata = false, live = false, content = false;
  TableDiffOptions tables;
  std::unique_ptr<DiffReport> report;
  std::unique_ptr<TableDiff> table_diff;
  std::string scratch;    // where rows are sorted
  Result<void> may_read;  // whether this key reads what is in files
  uint64_t left = 0;      // that could not be compared

  Result<int> Run(Cli& cli) {
    const bool is_live = live || IsFolderName(name_after) || !tables.address.empty();
    RETURN_IF_ERROR(CheckWords(is_live));
    report = std::make_unique<DiffReport>(cli, metadata);
    table_diff = std::make_unique<TableDiff>(cli, tables);
    const SnapshotPath a = SnapshotPath::Parse(name_before);
    ASSIGN_OR_RETURN(Repository * repository, cli.OpenToRead(ReaderListing::kSnapshots));
    RETURN_IF_ERROR(repository->keyring().Need(Rights::kMetadataKey, "comparing snapshots"));
    if (content) RETURN_IF_ERROR(repository->keyring().Need(Rights::kContentKey, "comparing what is in files"));
    may_read = repository->keyring().Need(Rights::kContentKey, "comparing rows");
    if (tables.is_given()) RETURN_IF_ERROR(may_read);
    scratch = repository->cache().folder();
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    ASSIGN_OR_RETURN(const LoadedSnapshot* first, cli.Resolve(set, a.snapshot, filter.Filter()));
    ASSIGN_OR_RETURN(const auto index, repository->LoadIndex(cli.context(), [](const SegmentId&, const Error&) {}));
    BlobReader reader(*repository, *index, cli.context(), cli.context().limits.memory_bytes / 8, cli.Findings());
    if (is_live) {
      RETURN_IF_ERROR(CompareLive(cli, reader, *repository, *first, a.path));
    } else {
      const SnapshotPath b = SnapshotPath::Parse(name_after);
      ASSIGN_OR_RETURN(const LoadedSnapshot* second, cli.Resolve(set, b.snapshot, filter.Filter()));
      RETURN_IF_ERROR(Compare(cli, reader, *first, a.path, *second, b.path));
    }
    const TableTotals& totals = table_diff->totals();
    if (tables.is_given() && totals.databases == 0) {
      return Error(ErrorCode::kInvalidArgument, "there is no database to compare on both sides: see cairn snapshots");
    }
    RETURN_IF_ERROR(table_diff->NeedMatches());
    report->TellSummary(left + totals.failed, totals);
    return left + totals.failed > 0 ? kExitIncomplete : kExitOk;
  }

  Result<void> CheckWords(bool is_live) const {
    if (name_after.empty() && !is_live) {
      return Error(ErrorCode::kInvalidArgument,
                   "what to compare with: another snapshot, a folder (/folder, ./folder), or --live");
    }
    if (!tables.address.empty() && (live || !name_after.empty())) {
      return Error(ErrorCode::kInvalidArgument, "--postgres says what to compare with: give no other, and no --live");
    }
    if (tables.files && (is_live || tables.is_given())) {
      return Error(ErrorCode::kInvalidArgument, "--files compares what two databases are kept as, and no rows");
    }
    if (live && !name_after.empty() && !IsFolderName(name_after)) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "--live compares with files of this machine: \"{}\" is no folder (/folder, ./folder)",
                       name_after);
    }
    if (content && !is_live) {
      return Error(ErrorCode::kInvalidArgument,
                   "--content is for files of this machine: of two snapshots it is always compared");
    }
    return {};
  }

  // --- with files of this machine ---

  Result<void> CompareLive(Cli& cli, BlobReader& reader, const Repository& repository, const LoadedSnapshot& snapshot,
                           const std::string& path) {
    if (!tables.address.empty()) return CompareServer(cli, reader, snapshot, path);
    if (IsFile(name_after)) {
      ASSIGN_OR_RETURN(const auto database, DatabaseFor(reader, snapshot, path));
      if (database) return CompareFile(cli, reader, snapshot, *database, name_after, "");
    }
    const bool has_path = SnapshotPath::Parse(name_before).snapshot.size() < name_before.size();
    if (!name_after.empty() && !has_path) return CompareSamePath(cli, reader, repository, snapshot);
    ASSIGN_OR_RETURN(const SnapshotPlace place, PlaceAt(reader, snapshot, path));
    if (name_after.empty() && ComparesRows(cli, place)) return CompareLiveDatabase(cli, reader, snapshot, place);
    RETURN_IF_ERROR(NeedFolder(snapshot, place, path));
    if (!name_after.empty()) {
      if (place.item == nullptr) {
        return MakeError(ErrorCode::kInvalidArgument,
                         "snapshot {} has several items: name the one to compare with a folder, as in {}:{}",
                         snapshot.id.Short(), snapshot.id.Short(), snapshot.inner.items.front().name);
      }
      FileSourceOptions options;
      options.paths = {name_after};
      ASSIGN_OR_RETURN(const std::string folder, files::ResolvePath(name_after));
      return CompareWith(cli, reader, repository, place.node.subtree->root, std::move(options), folder, {});
    }
    if (place.item != nullptr && IsOfFiles(*place.item)) return ComparePlace(cli, reader, repository, place);
    bool is_any = false;
    for (const SnapshotItem& item : snapshot.inner.items) {
      if (place.item != nullptr) break;
      if (item.kind == ItemKind::kSqlite && !IsImportedDatabase(item) && may_read) {
        is_any = true;
        ASSIGN_OR_RETURN(const SnapshotPlace whole, FindInSnapshot(reader, snapshot, snapshot.inner.PlaceOf(item)));
        RETURN_IF_ERROR(Passed(cli, item.name, CompareLiveDatabase(cli, reader, snapshot, whole)));
        continue;
      }
      if (!IsOfFiles(item)) {
        cli.Findings()({Finding::Severity::kNote, ErrorCode::kUnsupported, item.name,
                        item.kind == ItemKind::kPostgres
                            ? "it is of a server: --postgres ADDRESS compares it with what is there now"
                            : "it does not come from files of this machine: not compared"});
        continue;
      }
      is_any = true;
      ASSIGN_OR_RETURN(const SnapshotPlace whole, FindInSnapshot(reader, snapshot, snapshot.inner.PlaceOf(item)));
      RETURN_IF_ERROR(ComparePlace(cli, reader, repository, whole));
    }
    if (is_any) return {};
    return MakeError(
        ErrorCode::kInvalidArgument,
        "snapshot {} has nothing there that comes from files of this machine: name a folder to compare with",
        snapshot.id.Short());
  }

  // A folder with what it was in the snapshot.
  Result<void> CompareSamePath(Cli& cli, BlobReader& reader, const Repository& repository,
                               const LoadedSnapshot& snapshot) {
    ASSIGN_OR_RETURN(const std::string folder, files::ResolvePath(name_after));
    for (const SnapshotItem& item : snapshot.inner.items) {
      if (!IsOfFiles(item)) continue;
      const TreePath above = snapshot.inner.PlaceOf(item);
      const ByteSpan inside = AsBytes(folder).subspan(1);
      auto place = FindInSnapshot(reader, snapshot, above.empty() ? ToBytes(inside) : JoinPath(above, inside));
      if (!place && place.error().code() != ErrorCode::kNotFound) return std::move(place).error();
      if (place && place->is_folder()) return ComparePlace(cli, reader, repository, *place);
    }
    return MakeError(ErrorCode::kNotFound,
                     "snapshot {} has no folder {}: name the one to compare with it, as in {}:/ or {}:/folder",
                     snapshot.id.Short(), PathForPeople(AsBytes(folder)), name_before, name_before);
  }

  static bool IsOfFiles(const SnapshotItem& item) { return item.kind == ItemKind::kFiles && !IsImported(item); }

  // With what the backup of its item would read there now.
  Result<void> ComparePlace(Cli& cli, BlobReader& reader, const Repository& repository, const SnapshotPlace& place) {
    ASSIGN_OR_RETURN(FileSourceOptions options, OptionsOf(*place.item));
    return CompareWith(cli, reader, repository, place.node.subtree->root, std::move(options), ToString(place.inside),
                       place.path);
  }

  static bool IsImported(const SnapshotItem& item) {
    const auto recorded = RecordedRulesOf(item);
    return recorded && *recorded && (*recorded)->parameters.import_origin.has_value();
  }

  // As the backup that made it would read it now.
  static Result<FileSourceOptions> OptionsOf(const SnapshotItem& item) {
    FileSourceOptions options;
    for (const Bytes& path : item.paths) options.paths.push_back(ToString(path));
    ASSIGN_OR_RETURN(auto recorded, RecordedRulesOf(item).While("what the backup left out"));
    if (!recorded) return options;
    options.excludes = std::move(recorded->excludes);
    options.exclude_if_present = recorded->parameters.markers;
    options.exclude_caches = recorded->parameters.caches;
    options.exclude_larger_than = recorded->parameters.larger_than;
    options.one_file_system = recorded->parameters.one_file_system;
    return options;
  }

  Result<void> CompareWith(Cli& cli, BlobReader& reader, const Repository& repository, const BlobId& before,
                           FileSourceOptions options, const std::string& folder, const TreePath& shown) {
    options.repository = cli.RepositoryFolder();
    options.cache_root = cli.CacheRoot();
    options.temporary_cache = [&cli] { return cli.TemporaryCache(); };
    ASSIGN_OR_RETURN(const auto source, FileSource::Make(std::move(options)));
    const FindingSink tell = [&](const Finding& finding) {
      // Sockets, the repository: what no backup keeps; and what is not there any more is a difference.
      if (finding.severity == Finding::Severity::kNote || finding.code == ErrorCode::kNotFound) return;
      ++left;
      cli.Findings()(finding);
    };
    ASSIGN_OR_RETURN(auto root, source->OpenRoot(tell));
    auto there = cairn::FolderAt(std::move(root), folder);
    if (!there) return std::move(there).error().While("/" + PathForPeople(AsBytes(folder)));
    report->SetHasFiles();
    const auto progress = cli.ShowProgress();
    return DiffLive(
        cli.context(), reader, repository.hasher(), before, *std::move(there), shown,
        {.reads_content = content, .attributes = metadata},
        [&](const TreePath& path, Difference what, const Node* node, const SourceEntry* entry) -> Result<void> {
          report->Tell(path, what, SizeOf(node), SizeOf(entry));
          return {};
        },
        tell);
  }

  // --- databases ---

  // Is it a database whose rows are to be compared?
  bool ComparesRows(Cli& cli, const SnapshotItem& item) const {
    if (!IsDatabase(item) || tables.files) return false;
    if (may_read) return true;
    cli.Findings()({Finding::Severity::kNote, ErrorCode::kNoRight, item.name,
                    fmt::format("the files that it is kept as are compared: {}", may_read.error().message())});
    return false;
  }
  // A file may be one.
  bool ComparesRows(Cli& cli, const SnapshotPlace& place) const {
    if (place.item == nullptr) return false;
    if (place.inside.empty()) return ComparesRows(cli, *place.item);
    return !place.is_folder() && place.node.content.has_value();
  }

  static bool IsImportedDatabase(const SnapshotItem& item) {
    if (!item.source_parameters) return false;
    const auto parameters = SqliteParameters::Parse(*item.source_parameters);
    return parameters && parameters->import_origin.has_value();
  }

  Result<std::unique_ptr<ComparedDatabase>> OpenAt(Cli& cli, BlobReader& reader, const LoadedSnapshot& snapshot,
                                                   const std::string& path) {
    RETURN_IF_ERROR(may_read);
    const auto tell = [&cli](const std::string& note) { cli.context().log.Warning("{}", note); };
    ASSIGN_OR_RETURN(const QueriedPlace place, FindQueried(reader, snapshot, path, tell));
    return ComparedDatabase::OpenSnapshot(cli, reader, place);
  }

  Result<void> CompareDatabases(Cli& cli, BlobReader& reader, const LoadedSnapshot& first,
                                const std::string& path_before, const LoadedSnapshot& second,
                                const std::string& path_after, const std::string& item) {
    ASSIGN_OR_RETURN(const auto before, OpenAt(cli, reader, first, path_before));
    ASSIGN_OR_RETURN(const auto after, OpenAt(cli, reader, second, path_after));
    return table_diff->Compare(*before, *after, item, scratch);
  }

  // Of a snapshot, with a SQLite file of this machine.
  Result<void> CompareFile(Cli& cli, BlobReader& reader, const LoadedSnapshot& snapshot, const std::string& path,
                           const std::string& file, const std::string& item) {
    ASSIGN_OR_RETURN(const auto before, OpenAt(cli, reader, snapshot, path));
    ASSIGN_OR_RETURN(const auto after, ComparedDatabase::OpenFile(cli, file, tables.lock_wait_s));
    return table_diff->Compare(*before, *after, item, scratch);
  }

  Result<void> CompareServer(Cli& cli, BlobReader& reader, const LoadedSnapshot& snapshot, const std::string& path) {
    ASSIGN_OR_RETURN(const auto before, OpenAt(cli, reader, snapshot, path));
    ASSIGN_OR_RETURN(const auto after, ComparedDatabase::OpenServer(cli, tables.address, *before, table_diff->Choice(),
                                                                    tables.lock_wait_s));
    return table_diff->Compare(*before, *after, "", scratch);
  }

  // What a SQLite file of this machine is compared with: what the path leads to, else the only database of the
  // snapshot, else the file of this path. Nothing: there is none.
  Result<std::optional<std::string>> DatabaseFor(BlobReader& reader, const LoadedSnapshot& snapshot,
                                                 const std::string& path) {
    if (path.empty() && std::ranges::any_of(snapshot.inner.items, IsDatabase)) return std::optional<std::string>(path);
    std::string wanted = path;
    if (path.empty()) {
      ASSIGN_OR_RETURN(wanted, files::ResolvePath(name_after));
    }
    auto place = PlaceAt(reader, snapshot, wanted);
    if (!place && place.error().code() != ErrorCode::kNotFound) return std::move(place).error();
    if (!place || place->item == nullptr) return std::optional<std::string>();
    const bool is_item = place->inside.empty() && IsDatabase(*place->item);
    return is_item || !place->is_folder() ? std::optional(wanted) : std::nullopt;
  }

  // With the file that it comes from.
  Result<void> CompareLiveDatabase(Cli& cli, BlobReader& reader, const LoadedSnapshot& snapshot,
                                   const SnapshotPlace& place) {
    if (place.item->kind == ItemKind::kPostgres) {
      return Error(ErrorCode::kInvalidArgument,
                   "it is of a PostgreSQL server: --postgres ADDRESS compares it with what is there now");
    }
    std::string file = "/" + ToString(place.inside);
    if (place.item->kind == ItemKind::kSqlite && !place.item->paths.empty()) file = ToString(place.item->paths.front());
    const std::string item = snapshot.inner.items.size() > 1 ? place.item->name : "";
    return CompareFile(cli, reader, snapshot, ToString(place.path), file, item);
  }

  // Of one item of several: what is wrong with it is no reason not to compare the others.
  Result<void> Passed(Cli& cli, const std::string& item, Result<void> result) {
    if (result || EndsJob(result.error().code()) || result.error().code() == ErrorCode::kNoSpace) return result;
    ++left;
    cli.Findings()({SeverityOf(result.error()), result.error().code(), item, result.error().message()});
    return {};
  }

  // --- of two snapshots ---

  Result<void> Compare(Cli& cli, BlobReader& reader, const LoadedSnapshot& first, const std::string& path_before,
                       const LoadedSnapshot& second, const std::string& path_after) {
    ASSIGN_OR_RETURN(const SnapshotPlace before, PlaceAt(reader, first, path_before));
    ASSIGN_OR_RETURN(const SnapshotPlace after, PlaceAt(reader, second, path_after));
    if (ComparesRows(cli, before) && ComparesRows(cli, after)) {
      return CompareDatabases(cli, reader, first, ToString(before.path), second, ToString(after.path), "");
    }
    RETURN_IF_ERROR(NeedFolder(first, before, path_before));
    RETURN_IF_ERROR(NeedFolder(second, after, path_after));
    if (before.item != nullptr && after.item != nullptr) {
      return CompareTrees(cli, reader, before.node.subtree->root, after.node.subtree->root, {});
    }
    for (const auto& [snapshot, place] : {std::pair(&first, &before), std::pair(&second, &after)}) {
      if (place->path.empty()) continue;
      return MakeError(ErrorCode::kInvalidArgument,
                       "\"/{}\" of snapshot {} cannot be compared with all items of the other: give a path there too",
                       PathForPeople(place->path), snapshot->id.Short());
    }
    return CompareItems(cli, reader, first, second);
  }

  // Of several items those belong together that have one kind and name.
  Result<void> CompareItems(Cli& cli, BlobReader& reader, const LoadedSnapshot& first, const LoadedSnapshot& second) {
    const SnapshotInner &before = first.inner, &after = second.inner;
    const auto is_same = [](const SnapshotItem& one) {
      return [&one](const SnapshotItem& other) { return other.kind == one.kind && other.name == one.name; };
    };
    for (const SnapshotItem& item : before.items) {
      const auto other = std::ranges::find_if(after.items, is_same(item));
      if (other == after.items.end()) {
        RETURN_IF_ERROR(TellWhole(cli, reader, item, Difference::kRemoved));
      } else if (ComparesRows(cli, item)) {
        RETURN_IF_ERROR(Passed(cli, item.name,
                               CompareDatabases(cli, reader, first, ToString(before.PlaceOf(item)), second,
                                                ToString(after.PlaceOf(*other)), item.name)));
      } else {
        RETURN_IF_ERROR(CompareTrees(cli, reader, item.root, other->root, ToBytes(AsBytes(item.name))));
      }
    }
    for (const SnapshotItem& item : after.items) {
      if (std::ranges::any_of(before.items, is_same(item))) continue;
      RETURN_IF_ERROR(TellWhole(cli, reader, item, Difference::kAdded));
    }
    return {};
  }

  Result<void> CompareTrees(Cli& cli, BlobReader& reader, const BlobId& before, const BlobId& after,
                            const TreePath& place) {
    report->SetHasFiles();
    return DiffTrees(reader, before, reader, after,
                     [&](const TreePath& path, Difference what, const Node* one, const Node* other) -> Result<void> {
                       return Tell(cli, place.empty() ? path : JoinPath(place, path), what, SizeOf(one), SizeOf(other));
                     });
  }

  // An item that one side alone has: its folder, and all that is in it.
  Result<void> TellWhole(Cli& cli, BlobReader& reader, const SnapshotItem& item, Difference what) {
    report->SetHasFiles();
    const TreePath place = ToBytes(AsBytes(item.name));
    RETURN_IF_ERROR(Tell(cli, place, what, {}, {}));
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node& node) -> Result<bool> {
      const bool is_before = what == Difference::kRemoved;
      RETURN_IF_ERROR(Tell(cli, path, what, SizeOf(is_before ? &node : nullptr), SizeOf(is_before ? nullptr : &node)));
      return true;
    };
    return WalkTree(reader, item.root, place, visitor);
  }

  Result<void> Tell(Cli& cli, const TreePath& path, Difference what, DiffReport::Size before, DiffReport::Size after) {
    if (cli.stop().stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    report->Tell(path, what, before, after);
    return {};
  }

  // The only item also by its name, where it is a database.
  static Result<SnapshotPlace> PlaceAt(BlobReader& reader, const LoadedSnapshot& snapshot, const std::string& path) {
    const auto& items = snapshot.inner.items;
    const bool is_item = items.size() == 1 && IsDatabase(items.front()) && path == items.front().name;
    return FindInSnapshot(reader, snapshot, is_item ? ByteSpan() : AsBytes(path));
  }
  static Result<void> NeedFolder(const LoadedSnapshot& snapshot, const SnapshotPlace& place, const std::string& path) {
    if (place.is_folder()) return {};
    return MakeError(ErrorCode::kNotFound, "snapshot {} has no folder \"/{}\"", snapshot.id.Short(), path);
  }
};

}  // namespace

void AddDiff(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<DiffCommand>();
  CLI::App* command =
      app.add_subcommand("diff",
                         "What differs: + added, - removed, M other content, T another type, U other metadata; of "
                         "databases, how many rows of each table were added, removed (-) and changed (~)");
  command->add_option("BEFORE", options->name_before, "SNAPSHOT[:PATH]")->required();
  command->add_option("AFTER", options->name_after,
                      "SNAPSHOT[:PATH], or a folder or SQLite file of this machine (/folder, ./folder): with what it "
                      "was, or with PATH");
  command->add_flag("--live", options->live,
                    "Compare with what is there now, at the paths that were backed up, without "
                    "what the backup left out");
  command->add_flag("--content", options->content, "Of this machine: read every file (without: size and time)");
  command->add_flag("--metadata", options->metadata, "Also what differs in metadata alone");
  options->tables.AddTo(*command);
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
