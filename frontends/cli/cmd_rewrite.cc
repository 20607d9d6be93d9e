#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/jobs/forget.h"
#include "engine/jobs/rewrite.h"
#include "frontends/cli/command.h"
#include "frontends/cli/option_values.h"
#include "frontends/files/exclude_rules.h"

namespace cairn {
namespace {

struct RewriteCommand {
  FilterOptions filter;
  std::vector<std::string> names, excludes;
  std::string new_host, new_time, description;
  bool forget = false, dry_run = false, set_description = false;

  // A pattern with a slash inside counts from the path that is backed up, or here from "/": it says so.
  static std::string FromRoot(const std::string& pattern) {
    const size_t begin = pattern.starts_with('!') ? 1 : 0;
    const size_t slash = pattern.find('/', begin);
    const bool is_inside = slash != std::string::npos && slash != begin && slash + 1 < pattern.size();
    return is_inside ? pattern.substr(0, begin) + "/" + pattern.substr(begin) : pattern;
  }

  // Of an item: of several, patterns begin with its name, or say nothing of it.
  static std::vector<std::string> PatternsOf(const ExcludeRules& rules, const TreePath& place) {
    std::vector<std::string> patterns;
    for (const std::string& pattern : rules.patterns()) {
      const std::string whole = FromRoot(pattern);
      if (place.empty()) {
        patterns.push_back(whole);
      } else {
        std::ranges::move(ExcludeRules::PatternsIn(AsText(place), whole), std::back_inserter(patterns));
      }
    }
    return patterns;
  }

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    ExcludeRules rules;
    for (const std::string& pattern : excludes) RETURN_IF_ERROR(rules.Add(pattern));
    RewriteOptions options;
    options.dry_run = dry_run;
    if (!excludes.empty()) {
      options.leave_out = [&rules](const TreePath& path, const Node& node) {
        return rules.Excludes(path, 0, node.type == NodeType::kFolder);
      };
      options.patterns = [&rules](const TreePath& place) { return PatternsOf(rules, place); };
    }
    if (!new_host.empty()) options.host = ToBytes(AsBytes(new_host));
    if (!new_time.empty()) {
      ASSIGN_OR_RETURN(options.time, ParseTime(new_time, SystemClock()));
    }
    if (set_description) options.description = description;
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    std::vector<const LoadedSnapshot*> olds;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, name, filter.Filter(), Cli::InDoubt::kRefuse));
      // Asked before anything is done, and each alone: what takes the place of one needs what that needed.
      if (forget) {
        RETURN_IF_ERROR(MayReplace(*repository, set, *one).While("--forget is refused, and nothing is rewritten"));
      }
      if (std::ranges::find(olds, one) == olds.end()) olds.push_back(one);
    }
    uint64_t rewritten = 0;
    for (const LoadedSnapshot* snapshot : olds) {
      ASSIGN_OR_RETURN(const RewriteReport report,
                       RunRewrite(cli.context(), *repository, *snapshot, options, cli.Findings()));
      rewritten += report.id ? 1 : 0;
      if (forget && report.id) {
        ASSIGN_OR_RETURN(const SnapshotSet now, cli.Snapshots());
        RETURN_IF_ERROR(RunForget(cli.context(), *repository, now, {snapshot->id}, {}, cli.Findings()));
      }
      Tell(cli, *snapshot, report);
    }
    if (cli.json()) {
      cli.PrintJson(
          {{"message_type", "summary"}, {"snapshots", olds.size()}, {"rewritten", rewritten}, {"dry_run", dry_run}});
    }
    return 0;
  }

  static Result<void> MayReplace(const Repository& repository, const SnapshotSet& set, const LoadedSnapshot& old) {
    RETURN_IF_ERROR(repository.NeedWrite(Rights::kWrite, "rewriting snapshots"));
    return MayForget(repository, set, {old.id});
  }

  void Tell(Cli& cli, const LoadedSnapshot& snapshot, const RewriteReport& report) const {
    if (cli.json()) {
      cli.PrintJson({{"message_type", "snapshot"},
                     {"source", snapshot.id.ToHex()},
                     {"id", report.id ? nlohmann::json(report.id->ToHex()) : nlohmann::json()},
                     {"left_out", report.left_out}});
    } else if (report.id) {
      cli.Say(fmt::format("snapshot {} is now {}: {} entries left out{}\n", snapshot.id.Short(), report.id->Short(),
                          report.left_out, forget ? "; the old one is forgotten" : "; the old one stays"));
    } else {
      cli.Say(
          fmt::format("snapshot {}: {}\n", snapshot.id.Short(),
                      dry_run ? fmt::format("{} entries would be left out", report.left_out) : "nothing to change"));
    }
  }
};

}  // namespace

void AddRewrite(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<RewriteCommand>();
  CLI::App* command = app.add_subcommand("rewrite", "New snapshots from old ones, without some paths");
  command->add_option("SNAPSHOT", options->names, "Snapshots")->required();
  command->add_option("-e,--exclude", options->excludes, "Leave out what matches (gitignore syntax; repeatable)")
      ->type_name("PATTERN");
  command->add_option("--new-host", options->new_host, "Set the host")->type_name("HOST");
  command->add_option("--new-time", options->new_time, "Set the time")->type_name("TIME")->check(TimeValue());
  CLI::Option* description = command->add_option("--description", options->description, "Set the description");
  command->add_flag("--forget", options->forget, "Forget the old ones");
  command->add_flag("-n,--dry-run", options->dry_run, "Only say what would be done");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options, description] {
    options->set_description = description->count() > 0;
    action = [&cli, options] { return options->Run(cli); };
  });
}

}  // namespace cairn
