#include <algorithm>
#include <map>

#include "engine/repo/blob_reader.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/cli/command.h"
#include "frontends/cli/find_query.h"
#include "frontends/cli/find_report.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/wanted_blobs.h"

namespace cairn {
namespace {

constexpr size_t kBlobsToldMax = 20;  // of one entry
constexpr const char* kTypeLetters = "fdlpcb";

// A walk through snapshots that asks FindQuery of each entry, and of its blobs where some are wanted.
class FindWalk {
 public:
  FindWalk(Cli& cli, BlobReader& reader, const std::vector<const LoadedSnapshot*>& snapshots, const FindQuery& query,
           FindReport& report)
      : cli_(cli), reader_(reader), snapshots_(snapshots), query_(query), report_(report) {}

  WantedBlobs wanted, wanted_trees;  // neither: blobs do not matter
  bool failed() const { return failed_; }

  Result<void> Run() {
    struct Place {
      std::vector<std::pair<uint32_t, BlobId>> roots;
      std::vector<NodeVersion> folders;
    };
    std::map<TreePath, Place> places;  // of items
    for (uint32_t number = 0; number < snapshots_.size(); ++number) {
      const SnapshotInner& inner = snapshots_[number]->inner;
      for (const SnapshotItem& item : inner.items) {
        Place& place = places[inner.PlaceOf(item)];
        place.roots.emplace_back(number, item.root);
        place.folders.push_back({std::make_shared<const Node>(FolderOfItem(inner, item)),
                                 std::make_shared<const TreeNumbers>(TreeNumbers{number})});
      }
    }
    VersionsVisitor visitor;
    visitor.each = [this](const TreePath& path, const std::vector<NodeVersion>& versions) {
      return Visit(path, versions);
    };
    if (AsksForBlobs()) {
      visitor.each_blob = [this](const TreePath& folder, const BlobId& id, const TreeNumbers& trees) -> Result<void> {
        SeeBlob(folder, id, trees);
        return {};
      };
    }
    visitor.failed = [this](const TreePath& path, const TreeNumbers& trees, const Error& error) -> Result<void> {
      TellDamage(path, trees, error);
      return {};
    };
    for (const auto& [path, place] : places) {
      bool descend = query_.MayBeIn(path);
      if (!path.empty()) {
        ASSIGN_OR_RETURN(descend, Visit(path, place.folders));
      } else if (AsksForBlobs()) {
        open_.push_back({path, place.folders, {}});
      }
      if (descend) RETURN_IF_ERROR(WalkVersions(reader_, place.roots, path, visitor));
      while (!open_.empty()) Close();
    }
    return {};
  }

 private:
  // A folder on the way to where the walk is, while blobs are wanted.
  struct OpenFolder {
    TreePath path;
    std::vector<NodeVersion> versions;
    std::vector<std::pair<BlobId, TreeNumbers>> found;  // of its own blobs
  };

  bool AsksForBlobs() const { return !wanted.empty() || !wanted_trees.empty(); }

  Result<bool> Visit(const TreePath& path, const std::vector<NodeVersion>& versions) {
    if (cli_.stop().stop_requested() || cli_.output_closed()) return Error(ErrorCode::kInterrupted, "interrupted");
    const bool descend = query_.MayBeIn(path);
    if (AsksForBlobs()) {
      RETURN_IF_ERROR(VisitBlobs(path, versions));
      return descend;
    }
    std::vector<FindReport::Match> matches;
    for (const NodeVersion& version : versions) {
      if (query_.Matches(path, *version.node)) matches.push_back({version});
    }
    report_.Tell(path, std::move(matches));
    return descend;
  }

  Result<void> VisitBlobs(const TreePath& path, const std::vector<NodeVersion>& versions) {
    LeaveTo(path);
    std::vector<FindReport::Match> matches;
    std::vector<NodeVersion> folders;
    for (const NodeVersion& version : versions) {
      if (version.node->subtree) folders.push_back(version);
      if (version.node->subtree || wanted.empty() || !query_.Matches(path, *version.node)) continue;
      auto found = wanted.In(reader_, *version.node, kBlobsToldMax);
      if (!found && EndsJob(found.error().code())) return std::move(found).error();
      if (!found) {
        TellDamage(path, *version.trees, found.error());
      } else if (!found->empty()) {
        matches.push_back({version, *std::move(found)});
      }
    }
    report_.Tell(path, std::move(matches));
    if (!folders.empty()) open_.push_back({path, std::move(folders), {}});
    return {};
  }

  void SeeBlob(const TreePath& folder, const BlobId& id, const TreeNumbers& trees) {
    if (!wanted.Has(id) && !wanted_trees.Has(id)) return;
    while (!open_.empty() && open_.back().path != folder) Close();
    if (!open_.empty()) open_.back().found.emplace_back(id, trees);
  }

  // Folders that this path is not in are done.
  void LeaveTo(const TreePath& path) {
    const auto is_above = [&](const TreePath& folder) {
      return folder.empty() || (path.size() > folder.size() && path[folder.size()] == '/' &&
                                std::equal(folder.begin(), folder.end(), path.begin()));
    };
    while (!open_.empty() && !is_above(open_.back().path)) Close();
  }

  void Close() {
    const OpenFolder folder = std::move(open_.back());
    open_.pop_back();
    std::vector<FindReport::Match> matches;
    for (const NodeVersion& version : folder.versions) {
      if (!query_.Matches(folder.path, *version.node)) continue;
      FindReport::Match match{version};
      for (const auto& [id, trees] : folder.found) {
        const bool is_its = std::ranges::any_of(
            trees, [&](uint32_t number) { return std::ranges::binary_search(*version.trees, number); });
        const bool is_told = std::ranges::find(match.blobs, id) != match.blobs.end();
        if (is_its && !is_told && match.blobs.size() < kBlobsToldMax) match.blobs.push_back(id);
      }
      if (!match.blobs.empty()) matches.push_back(std::move(match));
    }
    report_.Tell(folder.path, std::move(matches));
  }

  void TellDamage(const TreePath& path, const TreeNumbers& trees, const Error& error) {
    failed_ = true;
    std::string where = "snapshot " + snapshots_[trees.front()]->id.Short();
    if (trees.size() > 1) where += fmt::format(" and {} more", trees.size() - 1);
    cli_.Findings()(
        {SeverityOf(error), error.code(), fmt::format("/{} of {}", PathForPeople(path), where), error.message()});
  }

  Cli& cli_;
  BlobReader& reader_;
  const std::vector<const LoadedSnapshot*>& snapshots_;
  const FindQuery& query_;
  FindReport& report_;
  std::vector<OpenFolder> open_;
  bool failed_ = false;
};

struct FindCommand {
  FilterOptions filter;
  FindWords words;
  FindReportOptions shown;
  std::vector<std::string> snapshots, blobs, trees, packs;
  uint32_t latest = 0;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(const FindQuery query, FindQuery::Parse(words));
    const bool asks_for_blobs = !blobs.empty() || !trees.empty() || !packs.empty();
    if (query.asks_nothing() && !asks_for_blobs) {
      return Error(ErrorCode::kInvalidArgument,
                   "there is nothing to look for: give a pattern, --size, --newer, --older, --type, or --blob");
    }
    ASSIGN_OR_RETURN(Repository * repository, cli.OpenToRead(ReaderListing::kSnapshots));
    RETURN_IF_ERROR(repository->keyring().Need(Rights::kMetadataKey, "looking into snapshots"));
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    ASSIGN_OR_RETURN(const std::vector<const LoadedSnapshot*> chosen, Choose(cli, set));
    if (chosen.empty()) {
      cli.Say("no snapshots\n");
      return 0;
    }
    ASSIGN_OR_RETURN(const auto index, repository->LoadIndex(cli.context(), [](const SegmentId&, const Error&) {}));
    // Trees of many snapshots are read side by side, each from frames of its own.
    BlobReader reader(*repository, *index, cli.context(), cli.context().limits.memory_bytes / 4, cli.Findings());
    FindReport report(cli, chosen, shown);
    FindWalk walk(cli, reader, chosen, query, report);
    for (const std::string& id : blobs) RETURN_IF_ERROR(walk.wanted.Add(id));
    for (const std::string& id : trees) RETURN_IF_ERROR(walk.wanted_trees.Add(id));
    for (const std::string& name : packs) RETURN_IF_ERROR(walk.wanted.AddPack(*index, name));
    RETURN_IF_ERROR(walk.Run());
    if (asks_for_blobs && report.told() == 0 && !cli.json()) cli.Say("no entry of these snapshots needs it\n");
    return walk.failed() ? 1 : 0;
  }

  // In order of time, each once.
  Result<std::vector<const LoadedSnapshot*>> Choose(Cli& cli, const SnapshotSet& set) const {
    const SnapshotFilter keep = filter.Filter();
    std::vector<const LoadedSnapshot*> chosen;
    for (const std::string& name : snapshots) {
      ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, name, keep));
      chosen.push_back(one);
    }
    for (const LoadedSnapshot& snapshot : set.snapshots) {
      if (snapshots.empty() && (!keep || keep(snapshot))) chosen.push_back(&snapshot);
    }
    std::ranges::sort(chosen);  // as they lie in the set
    chosen.erase(std::ranges::unique(chosen).begin(), chosen.end());
    if (latest > 0 && chosen.size() > latest) chosen.erase(chosen.begin(), chosen.end() - latest);
    return chosen;
  }
};

CLI::Validator LettersValue() {
  return ValueOf([](const std::string& text) -> Result<void> {
    if (!text.empty() && text.find_first_not_of(kTypeLetters) == std::string::npos) return {};
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" has other letters than {}", text, kTypeLetters);
  });
}

}  // namespace

void AddFind(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<FindCommand>();
  FindWords& words = options->words;
  CLI::App* command =
      app.add_subcommand("find", "Find files in snapshots, each told once with the snapshots that have it");
  command->add_option("NAME", words.patterns, "Globs of names (of paths where they hold a slash); any of them");
  command->add_flag("-i,--ignore-case", words.ignores_case, "Upper and lower case are the same");
  command->add_flag("--regex", words.are_regexes, "They are regular expressions, as of grep -E, of whole paths");
  command->add_option("--below", words.folders, "Only what is in this folder (repeatable)")->type_name("FOLDER");
  command->add_option("--newer", words.newer, "Modified after this time")->type_name("TIME")->check(TimeValue());
  command->add_option("--older", words.older, "Modified before this time")->type_name("TIME")->check(TimeValue());
  command
      ->add_option("--size", words.sizes, "More bytes than +SIZE, fewer than -SIZE, or SIZE (repeatable: all of them)")
      ->type_name("SIZE")
      ->check(ValueOf(FindQuery::CheckSize));
  command->add_option("--larger", words.larger, "As --size +SIZE")->type_name("SIZE")->check(SizeValue());
  command->add_option("--smaller", words.smaller, "As --size -SIZE")->type_name("SIZE")->check(SizeValue());
  command->add_option("--type", words.type, "f file, d folder, l link, p fifo, c b devices; letters may be joined")
      ->type_name("LETTERS")
      ->check(LettersValue());
  size_t since = command->get_options().size();
  command->add_option("--blob", options->blobs, "What needs this blob: an id, or its first digits (repeatable)")
      ->type_name("ID");
  command->add_option("--tree", options->trees, "The folders that a blob is the tree of (repeatable)")->type_name("ID");
  command->add_option("--pack", options->packs, "What needs something of this pack (repeatable)")->type_name("PACK");
  GroupOptions(*command, since, "By blobs");
  since = command->get_options().size();
  command->add_option("-s,--snapshot", options->snapshots, "Only in this snapshot (repeatable)")->type_name("SNAPSHOT");
  command->add_option("--latest", options->latest, "Only in the newest N")->type_name("N");
  options->filter.AddTo(*command);
  GroupOptions(*command, since, "Snapshots");
  since = command->get_options().size();
  command->add_flag("-l,--long", options->shown.long_form, "Mode, owner, size, time; each version of a file by itself");
  command->add_flag("-a,--all", options->shown.each_snapshot, "Each snapshot by itself, not the first and the last");
  GroupOptions(*command, since, "What is told");
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
