#include <nlohmann/json.hpp>

#include "engine/jobs/repair.h"
#include "frontends/cli/command.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

struct RepairCommand {
  std::vector<std::string> names;
  bool dry_run = false, forget = false;

  Result<int> Report(Cli& cli, Result<RepairReport> report) const {
    RETURN_IF_ERROR(report);
    nlohmann::json rewritten = nlohmann::json::array();
    for (const SnapshotId& id : report->snapshots_rewritten) rewritten.push_back(id.ToHex());
    nlohmann::json set_aside = nlohmann::json::array();
    for (const ObjectName& name : report->set_aside) set_aside.push_back(name.text());
    if (cli.json()) {
      cli.PrintJson({{"message_type", "summary"},
                     {"dry_run", dry_run},
                     {"segments_written", report->segments_written},
                     {"packs_added", report->packs_added},
                     {"packs_removed_from_index", report->packs_removed_from_index},
                     {"packs_salvaged", report->packs_salvaged},
                     {"blobs_salvaged", report->blobs_salvaged},
                     {"blobs_lost", report->blobs_lost},
                     {"snapshots_rewritten", rewritten},
                     {"set_aside", set_aside},
                     {"losses_recorded", report->losses_recorded.size()}});
      return 0;
    }
    const std::string would = dry_run ? "would be " : "";
    cli.Say(fmt::format("index: {} segments {}written, {} packs {}added, {} {}taken out\n", report->segments_written,
                        would, report->packs_added, would, report->packs_removed_from_index, would));
    cli.Say(fmt::format("packs: {} damaged, {} blobs {}saved, {} lost\n", report->packs_salvaged,
                        report->blobs_salvaged, would, report->blobs_lost));
    cli.Say(fmt::format(
        "snapshots: {} {}rewritten without what is lost, {} unreadable {}set aside, {} losses {}put on record\n",
        report->snapshots_rewritten.size(), would, report->set_aside.size(), would, report->losses_recorded.size(),
        would));
    return 0;
  }

  Result<int> Index(Cli& cli) const {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    return Report(cli, RepairIndex(cli.context(), *repository, dry_run, cli.Findings()));
  }

  Result<int> Packs(Cli& cli) const {
    std::vector<PackName> packs;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const PackName pack, PackName::Parse(name));
      packs.push_back(pack);
    }
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    auto progress = cli.ShowProgress();
    auto report = RepairPacks(cli.context(), *repository, packs, dry_run, cli.Findings());
    progress.reset();
    return Report(cli, std::move(report));
  }

  Result<int> Snapshots(Cli& cli) const {
    RepairSnapshotsOptions options;
    options.forget_broken = forget;
    options.dry_run = dry_run;
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    if (!names.empty()) {
      ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
      for (const std::string& name : names) {
        ASSIGN_OR_RETURN(const LoadedSnapshot* one, ResolveSnapshot(set, name, {}));
        options.snapshots.push_back(one->id);
      }
    }
    auto progress = cli.ShowProgress();
    auto report = RepairSnapshots(cli.context(), *repository, options, cli.Findings());
    progress.reset();
    return Report(cli, std::move(report));
  }
};

}  // namespace

void AddRepair(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<RepairCommand>();
  CLI::App* command = app.add_subcommand("repair", "Make the best of what is there; what is lost is named");
  command->require_subcommand(1);
  CLI::App* index = command->add_subcommand("index", "Index packs that no segment names; take out those that are gone");
  index->callback([&cli, &action, options] { action = [&cli, options] { return options->Index(cli); }; });
  CLI::App* packs = command->add_subcommand("packs", "Save what can be read of damaged packs");
  packs->add_option("PACK", options->names, "Only these");
  packs->callback([&cli, &action, options] { action = [&cli, options] { return options->Packs(cli); }; });
  CLI::App* snapshots = command->add_subcommand("snapshots", "New snapshots without the files that are lost");
  snapshots->add_option("SNAPSHOT", options->names, "Only these");
  snapshots->add_flag("--forget", options->forget,
                      "Then forget the broken ones, and move what cannot be read at all to trash/");
  snapshots->callback([&cli, &action, options] { action = [&cli, options] { return options->Snapshots(cli); }; });
  for (CLI::App* one : {index, packs, snapshots}) {
    one->add_flag("-n,--dry-run", options->dry_run, "Only say what would be done");
  }
}

}  // namespace cairn
