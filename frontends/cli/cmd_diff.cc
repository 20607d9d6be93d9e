#include <nlohmann/json.hpp>

#include "engine/repo/blob_reader.h"
#include "engine/tree/directory_reader.h"
#include "engine/tree/tree_walker.h"
#include "frontends/cli/command.h"
#include "frontends/cli/snapshot_json.h"

namespace cairn {
namespace {

constexpr char kLetters[] = {'+', '-', 'M', 'U', 'T'};
constexpr const char* kNames[] = {"added", "removed", "content", "metadata", "type"};

struct DiffCommand {
  FilterOptions filter;
  std::string before, after;
  bool metadata = false;

  Result<int> Run(Cli& cli) {
    const SnapshotPath a = SnapshotPath::Parse(before);
    const SnapshotPath b = SnapshotPath::Parse(after);
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    RETURN_IF_ERROR(repository->keyring().Need(Rights::kMetadataKey, "comparing snapshots"));
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    ASSIGN_OR_RETURN(const LoadedSnapshot* first, ResolveSnapshot(set, a.snapshot, filter.Filter()));
    ASSIGN_OR_RETURN(const LoadedSnapshot* second, ResolveSnapshot(set, b.snapshot, filter.Filter()));
    ASSIGN_OR_RETURN(const auto index, repository->LoadIndex(cli.context(), [](const SegmentId&, const Error&) {}));
    BlobReader reader(*repository, *index, cli.context(), cli.context().limits.memory_bytes / 8, cli.Findings());
    uint64_t counts[5] = {};
    const size_t items = std::min(first->inner.items.size(), second->inner.items.size());
    for (size_t i = 0; i < items; ++i) {
      ASSIGN_OR_RETURN(const BlobId root_a, RootOf(reader, *first, i, a.path));
      ASSIGN_OR_RETURN(const BlobId root_b, RootOf(reader, *second, i, b.path));
      RETURN_IF_ERROR(DiffTrees(reader, root_a, reader, root_b,
                                [&](const TreePath& path, Difference what, const Node*, const Node*) -> Result<void> {
                                  if (cli.stop().stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
                                  const auto kind = static_cast<size_t>(what);
                                  if (what == Difference::kMetadata && !metadata) return {};
                                  ++counts[kind];
                                  Show(cli, kind, path);
                                  return {};
                                }));
    }
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

  static Result<BlobId> RootOf(BlobReader& reader, const LoadedSnapshot& snapshot, size_t item,
                               const std::string& path) {
    const BlobId& root = snapshot.inner.items[item].root;
    if (path.empty()) return root;
    ASSIGN_OR_RETURN(const auto node, FindPath(reader, root, AsBytes(path)));
    if (node && node->subtree) return node->subtree->root;
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
  command->add_option("BEFORE", options->before, "Snapshot[:PATH]")->required();
  command->add_option("AFTER", options->after, "Snapshot[:PATH]")->required();
  command->add_flag("--metadata", options->metadata, "Also what differs in metadata alone");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
