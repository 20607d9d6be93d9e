#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/jobs/undelete.h"
#include "frontends/cli/command.h"

namespace cairn {
namespace {

struct UndeleteCommand {
  FilterOptions filter;
  std::vector<std::string> names;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshotsAndDeleted(*repository, cli.context(), cli.Findings()));
    std::vector<const DeletedSnapshot*> chosen;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const DeletedSnapshot* one, ResolveDeleted(set, name, filter.Filter()));
      RETURN_IF_ERROR(Cli::NeedNoDoubt(set, name, filter.Filter(), ParsedName::Kind::kDeleted));
      if (std::ranges::find(chosen, one) == chosen.end()) chosen.push_back(one);
    }
    for (const DeletedSnapshot* one : chosen) {
      ASSIGN_OR_RETURN(const SnapshotId id, RunUndelete(cli.context(), *repository, *one, cli.Findings()));
      if (cli.json()) {
        cli.PrintJson({{"message_type", "snapshot"}, {"source", one->snapshot.id.ToHex()}, {"id", id.ToHex()}});
      } else {
        cli.Say(
            fmt::format("snapshot {} is back, as {}; where a policy would let it go again, cairn tag --protect {}\n",
                        one->snapshot.id.Short(), id.Short(), id.Short()));
      }
    }
    if (cli.json()) cli.PrintJson({{"message_type", "summary"}, {"snapshots", chosen.size()}});
    return 0;
  }
};

}  // namespace

void AddUndelete(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<UndeleteCommand>();
  CLI::App* command = app.add_subcommand("undelete", "Bring back snapshots that were forgotten and are kept");
  command->add_option("SNAPSHOT", options->names, "Snapshots, as cairn snapshots --deleted lists them")->required();
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
