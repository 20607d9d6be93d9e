#include "frontends/cli/command.h"
#include "frontends/cli/snapshot_json.h"

namespace cairn {
namespace {

struct SnapshotsCommand {
  FilterOptions filter;
  std::vector<std::string> names;
  uint32_t latest = 0;
  bool deleted = false;

  Result<int> RunDeleted(Cli& cli) const {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshotsAndDeleted(*repository, cli.context(), cli.Findings()));
    const SnapshotFilter keep = filter.Filter();
    std::vector<const DeletedSnapshot*> chosen;
    for (const DeletedSnapshot& one : set.deleted) {
      if (names.empty() && (!keep || keep(one.snapshot))) chosen.push_back(&one);
    }
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const DeletedSnapshot* one, ResolveDeleted(set, name, keep));
      chosen.push_back(one);
    }
    if (latest > 0 && chosen.size() > latest) chosen.erase(chosen.begin(), chosen.end() - latest);
    if (cli.json()) {
      nlohmann::json list = nlohmann::json::array();
      for (const DeletedSnapshot* one : chosen) list.push_back(DeletedJson(*one));
      cli.PrintJson({{"snapshots", list}});
    } else if (chosen.empty()) {
      cli.Say("no forgotten snapshots are kept\n");
    } else {
      cli.Print(DeletedTable(chosen).Text());
      cli.Say(fmt::format("{} forgotten snapshot{}; cairn undelete brings one back\n", chosen.size(),
                          chosen.size() == 1 ? "" : "s"));
    }
    return !set.unreadable.empty() ? 1 : 0;
  }

  Result<int> Run(Cli& cli) {
    if (deleted) return RunDeleted(cli);
    RETURN_IF_ERROR(cli.OpenToRead(ReaderListing::kSnapshots));
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    const SnapshotFilter keep = filter.Filter();
    std::vector<const LoadedSnapshot*> chosen;
    if (names.empty()) {
      for (const LoadedSnapshot& snapshot : set.snapshots) {
        if (!keep || keep(snapshot)) chosen.push_back(&snapshot);
      }
    } else {
      for (const std::string& name : names) {
        ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, name, keep));
        chosen.push_back(one);
      }
    }
    if (latest > 0 && chosen.size() > latest) chosen.erase(chosen.begin(), chosen.end() - latest);
    if (cli.json()) {
      nlohmann::json list = nlohmann::json::array();
      for (const LoadedSnapshot* snapshot : chosen) list.push_back(SnapshotJson(*snapshot));
      cli.PrintJson({{"snapshots", list}});
    } else if (chosen.empty()) {
      cli.Say("no snapshots\n");
    } else {
      cli.Print(SnapshotTable(chosen).Text());
      cli.Say(fmt::format("{} snapshot{}\n", chosen.size(), chosen.size() == 1 ? "" : "s"));
    }
    return !set.unreadable.empty() ? 1 : 0;
  }
};

}  // namespace

void AddSnapshots(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<SnapshotsCommand>();
  CLI::App* command = app.add_subcommand("snapshots", "List snapshots");
  options->filter.AddTo(*command);
  command->add_option("SNAPSHOT", options->names, "Only these");
  command->add_option("--latest", options->latest, "Only the newest N")->type_name("N");
  command->add_flag("--deleted", options->deleted, "Those that were forgotten, and can be brought back");
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
