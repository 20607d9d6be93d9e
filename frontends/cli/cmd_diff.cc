#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/repo/blob_reader.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/cli/command.h"
#include "frontends/cli/snapshot_json.h"

namespace cairn {
namespace {

constexpr char kLetters[] = {'+', '-', 'M', 'U', 'T'};
constexpr const char* kNames[] = {"added", "removed", "content", "metadata", "type"};

struct DiffCommand {
  FilterOptions filter;
  std::string name_before, name_after;
  bool metadata = false;
  uint64_t counts[5] = {};

  Result<int> Run(Cli& cli) {
    const SnapshotPath a = SnapshotPath::Parse(name_before);
    const SnapshotPath b = SnapshotPath::Parse(name_after);
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    RETURN_IF_ERROR(repository->keyring().Need(Rights::kMetadataKey, "comparing snapshots"));
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    ASSIGN_OR_RETURN(const LoadedSnapshot* first, ResolveSnapshot(set, a.snapshot, filter.Filter()));
    ASSIGN_OR_RETURN(const LoadedSnapshot* second, ResolveSnapshot(set, b.snapshot, filter.Filter()));
    ASSIGN_OR_RETURN(const auto index, repository->LoadIndex(cli.context(), [](const SegmentId&, const Error&) {}));
    BlobReader reader(*repository, *index, cli.context(), cli.context().limits.memory_bytes / 8, cli.Findings());
    RETURN_IF_ERROR(Compare(cli, reader, *first, a.path, *second, b.path));
    nlohmann::json json = {{"message_type", "summary"}};
    for (size_t kind = 0; kind < 5; ++kind) json[kNames[kind]] = counts[kind];
    if (cli.json()) {
      cli.PrintJson(json);
    } else {
      cli.Print(fmt::format("{} added, {} removed, {} with other content, {} of another type{}\n", counts[0], counts[1],
                            counts[2], counts[4], metadata ? fmt::format(", {} with other metadata", counts[3]) : ""));
    }
    return 0;
  }

  Result<void> Compare(Cli& cli, BlobReader& reader, const LoadedSnapshot& first, const std::string& path_before,
                       const LoadedSnapshot& second, const std::string& path_after) {
    ASSIGN_OR_RETURN(const SnapshotPlace before, FolderAt(reader, first, path_before));
    ASSIGN_OR_RETURN(const SnapshotPlace after, FolderAt(reader, second, path_after));
    if (before.item != nullptr && after.item != nullptr) {
      return CompareTrees(cli, reader, before.node.subtree->root, after.node.subtree->root, {});
    }
    for (const auto& [snapshot, place] : {std::pair(&first, &before), std::pair(&second, &after)}) {
      if (place->path.empty()) continue;
      return MakeError(ErrorCode::kInvalidArgument,
                       "\"/{}\" of snapshot {} cannot be compared with all items of the other: give a path there too",
                       PathForPeople(place->path), snapshot->id.Short());
    }
    return CompareItems(cli, reader, first.inner, second.inner);
  }

  // Of several items those belong together that have one kind and name.
  Result<void> CompareItems(Cli& cli, BlobReader& reader, const SnapshotInner& before, const SnapshotInner& after) {
    const auto is_same = [](const SnapshotItem& one) {
      return [&one](const SnapshotItem& other) { return other.kind == one.kind && other.name == one.name; };
    };
    for (const SnapshotItem& item : before.items) {
      const auto other = std::ranges::find_if(after.items, is_same(item));
      if (other == after.items.end()) {
        RETURN_IF_ERROR(TellWhole(cli, reader, item, Difference::kRemoved));
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
    return DiffTrees(reader, before, reader, after,
                     [&](const TreePath& path, Difference what, const Node*, const Node*) -> Result<void> {
                       return Tell(cli, place.empty() ? path : JoinPath(place, path), what);
                     });
  }

  // An item that one side alone has: its folder, and all that is in it.
  Result<void> TellWhole(Cli& cli, BlobReader& reader, const SnapshotItem& item, Difference what) {
    const TreePath place = ToBytes(AsBytes(item.name));
    RETURN_IF_ERROR(Tell(cli, place, what));
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node&) -> Result<bool> {
      RETURN_IF_ERROR(Tell(cli, path, what));
      return true;
    };
    return WalkTree(reader, item.root, place, visitor);
  }

  Result<void> Tell(Cli& cli, const TreePath& path, Difference what) {
    if (cli.stop().stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    if (what == Difference::kMetadata && !metadata) return {};
    const auto kind = static_cast<size_t>(what);
    ++counts[kind];
    Show(cli, kind, path);
    return {};
  }

  static Result<SnapshotPlace> FolderAt(BlobReader& reader, const LoadedSnapshot& snapshot, const std::string& path) {
    ASSIGN_OR_RETURN(SnapshotPlace place, FindInSnapshot(reader, snapshot, AsBytes(path)));
    if (place.is_folder()) return place;
    return MakeError(ErrorCode::kNotFound, "snapshot {} has no folder \"/{}\"", snapshot.id.Short(), path);
  }

  static void Show(Cli& cli, size_t kind, const TreePath& path) {
    if (cli.json()) {
      nlohmann::json change = {{"message_type", "change"}, {"change", kNames[kind]}};
      PutPath(change, "path", "/", path);
      cli.PrintJson(change);
    } else {
      cli.Print(fmt::format("{} /{}\n", kLetters[kind], PathForPeople(path)));
    }
  }
};

}  // namespace

void AddDiff(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<DiffCommand>();
  CLI::App* command =
      app.add_subcommand("diff", "What differs: + added, - removed, M other content, T another type, U other metadata");
  command->add_option("BEFORE", options->name_before, "Snapshot[:PATH]")->required();
  command->add_option("AFTER", options->name_after, "Snapshot[:PATH]")->required();
  command->add_flag("--metadata", options->metadata, "Also what differs in metadata alone");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
