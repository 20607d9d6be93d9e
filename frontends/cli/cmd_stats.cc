#include <nlohmann/json.hpp>

#include "engine/jobs/stats.h"
#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

struct StatsCommand {
  FilterOptions filter;
  std::vector<std::string> names;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(Repository * repository, cli.OpenToRead(ReaderListing::kSnapshots));
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    const SnapshotFilter keep = filter.Filter();
    std::vector<const LoadedSnapshot*> chosen;
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, name, keep));
      chosen.push_back(one);
    }
    for (const LoadedSnapshot& snapshot : set.snapshots) {
      if (names.empty() && (!keep || keep(snapshot))) chosen.push_back(&snapshot);
    }
    auto progress = cli.ShowProgress();
    auto report = RunStats(cli.context(), *repository, chosen, cli.Findings());
    progress.reset();
    RETURN_IF_ERROR(report);
    if (cli.json()) {
      cli.PrintJson({{"message_type", "summary"},
                     {"snapshots", report->snapshots},
                     {"restore_bytes", report->restore_bytes},
                     {"restore_files", report->restore_files},
                     {"blobs", report->blobs},
                     {"blob_bytes", report->blob_bytes},
                     {"stored_bytes", report->stored_bytes},
                     {"packs", report->packs},
                     {"pack_bytes", report->pack_bytes},
                     {"segments", report->segments},
                     {"repository_bytes", report->objects_bytes},
                     {"unread", report->unread}});
      return ExitOf(*report);
    }
    Table table({"", ">"});
    table.Add({"snapshots", HumanCount(report->snapshots)});
    table.Add({"files, as restored", HumanCount(report->restore_files)});
    table.Add({"bytes, as restored", HumanBytes(report->restore_bytes)});
    table.Add({"blobs that they need", HumanCount(report->blobs)});
    table.Add({"bytes of these, each once", HumanBytes(report->blob_bytes)});
    table.Add({"stored for them", HumanBytes(report->stored_bytes)});
    table.Add({"packs in the repository", HumanCount(report->packs)});
    table.Add({"bytes of the repository", HumanBytes(report->objects_bytes)});
    cli.Print(table.Text());
    if (report->unread > 0) cli.Print("NOT COUNTED: what could not be read, told above, and what is below it\n");
    return ExitOf(*report);
  }

  static int ExitOf(const StatsReport& report) { return report.unread > 0 ? kExitIncomplete : kExitOk; }
};

}  // namespace

void AddStats(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<StatsCommand>();
  CLI::App* command = app.add_subcommand("stats", "How much is there");
  command->add_option("SNAPSHOT", options->names, "Only these");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
