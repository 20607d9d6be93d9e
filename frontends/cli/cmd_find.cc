#include <fnmatch.h>

#include <regex>

#include "engine/repo/blob_reader.h"
#include "engine/tree/snapshot_tree.h"
#include "frontends/cli/command.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/snapshot_json.h"
#include "frontends/config/values.h"

namespace cairn {
namespace {

struct FindCommand {
  FilterOptions filter;
  std::vector<std::string> patterns, snapshots;
  std::string newer, older, larger, smaller, type;
  bool ignore_case = false, regex = false, long_form = false;

  // Parsed once.
  std::optional<WireTime> newer_than, older_than;
  std::optional<uint64_t> larger_than, smaller_than;
  std::vector<std::regex> regexes;

  Result<void> Parse() {
    if (!newer.empty()) {
      ASSIGN_OR_RETURN(newer_than, ParseTime(newer, SystemClock()));
    }
    if (!older.empty()) {
      ASSIGN_OR_RETURN(older_than, ParseTime(older, SystemClock()));
    }
    if (!larger.empty()) {
      ASSIGN_OR_RETURN(larger_than, ParseBytes(larger));
    }
    if (!smaller.empty()) {
      ASSIGN_OR_RETURN(smaller_than, ParseBytes(smaller));
    }
    if (!regex) return {};
    for (const std::string& pattern : patterns) {
      try {
        regexes.emplace_back(pattern,
                             std::regex::ECMAScript | (ignore_case ? std::regex::icase : std::regex::flag_type{}));
      } catch (const std::regex_error& error) {
        return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no regular expression: {}", pattern, error.what());
      }
    }
    return {};
  }

  bool MatchesName(const std::string& path, const std::string& name) const {
    if (regex) {
      return std::ranges::any_of(regexes, [&](const std::regex& one) { return std::regex_search(path, one); });
    }
    return std::ranges::any_of(patterns, [&](const std::string& pattern) {
      const bool whole = pattern.find('/') != std::string::npos;
      const int flags = ignore_case ? FNM_CASEFOLD : 0;
      return fnmatch(pattern.c_str(), (whole ? "/" + path : name).c_str(), flags) == 0;
    });
  }

  bool Matches(const std::string& path, const Node& node) const {
    if (!MatchesName(path, ToString(node.name))) return false;
    if (newer_than && node.modified <= *newer_than) return false;
    if (older_than && node.modified >= *older_than) return false;
    if (larger_than && node.size <= *larger_than) return false;
    if (smaller_than && node.size >= *smaller_than) return false;
    if (type.empty()) return true;
    const char letter = node.type == NodeType::kFile         ? 'f'
                        : node.type == NodeType::kFolder     ? 'd'
                        : node.type == NodeType::kSymlink    ? 'l'
                        : node.type == NodeType::kFifo       ? 'p'
                        : node.type == NodeType::kCharDevice ? 'c'
                                                             : 'b';
    return type.find(letter) != std::string::npos;
  }

  Result<int> Run(Cli& cli) {
    RETURN_IF_ERROR(Parse());
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    RETURN_IF_ERROR(repository->keyring().Need(Rights::kMetadataKey, "looking into snapshots"));
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    const SnapshotFilter keep = filter.Filter();
    std::vector<const LoadedSnapshot*> chosen;
    for (const std::string& name : snapshots) {
      ASSIGN_OR_RETURN(const LoadedSnapshot* one, ResolveSnapshot(set, name, keep));
      chosen.push_back(one);
    }
    for (const LoadedSnapshot& snapshot : set.snapshots) {
      if (snapshots.empty() && (!keep || keep(snapshot))) chosen.push_back(&snapshot);
    }
    ASSIGN_OR_RETURN(const auto index, repository->LoadIndex(cli.context(), [](const SegmentId&, const Error&) {}));
    BlobReader reader(*repository, *index, cli.context(), cli.context().limits.memory_bytes / 8, cli.Findings());
    bool failed = false;
    for (const LoadedSnapshot* snapshot : chosen) RETURN_IF_ERROR(FindIn(cli, reader, *snapshot, &failed));
    return failed ? 1 : 0;
  }

  Result<void> FindIn(Cli& cli, BlobReader& reader, const LoadedSnapshot& snapshot, bool* failed) const {
    bool named = false;
    TreeVisitor visitor;
    visitor.each = [&](const TreePath& path, const Node& node) -> Result<bool> {
      if (cli.stop().stop_requested() || cli.output_closed()) return Error(ErrorCode::kInterrupted, "interrupted");
      if (!Matches(ToString(path), node)) return true;
      if (cli.json()) {
        nlohmann::json json = NodeJson(node);
        PutPath(json, "path", "/", path);
        json["snapshot"] = snapshot.id.ToHex();
        cli.PrintJson(json);
        return true;
      }
      if (!named) {
        const std::string time = FormatTimeThen(snapshot.inner.start, SystemClock());
        cli.Print(fmt::format("snapshot {} of {}:\n", snapshot.id.Short(), time));
      }
      named = true;
      const std::string text = "/" + PathForPeople(path);
      cli.Print((long_form ? LongLine(node, text) : text) + "\n");
      return true;
    };
    visitor.failed = [&](const TreePath& path, const Error& error) -> Result<void> {
      *failed = true;
      cli.Findings()({SeverityOf(error), error.code(), "/" + PathForPeople(path), error.message()});
      return {};
    };
    return WalkSnapshot(reader, snapshot.inner, visitor);
  }
};

}  // namespace

void AddFind(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<FindCommand>();
  CLI::App* command = app.add_subcommand("find", "Find files by name in snapshots");
  command->add_option("PATTERN", options->patterns, "Globs of names (of whole paths where they hold a slash)")
      ->required();
  command->add_option("-s,--snapshot", options->snapshots, "Only in this snapshot (repeatable)")->type_name("SNAPSHOT");
  command->add_flag("-i,--ignore-case", options->ignore_case, "Upper and lower case are the same");
  command->add_flag("--regex", options->regex, "Patterns are regular expressions, of whole paths");
  command->add_flag("-l,--long", options->long_form, "Mode, owner, size, time");
  command->add_option("--newer", options->newer, "Modified after this time")->type_name("TIME")->check(TimeValue());
  command->add_option("--older", options->older, "Modified before this time")->type_name("TIME")->check(TimeValue());
  command->add_option("--larger", options->larger, "More bytes than this")->type_name("SIZE")->check(SizeValue());
  command->add_option("--smaller", options->smaller, "Fewer bytes than this")->type_name("SIZE")->check(SizeValue());
  command->add_option("--type", options->type, "f file, d folder, l link, p fifo, c b devices; letters may be joined");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
