#include <nlohmann/json.hpp>

#include "frontends/cli/backup_run.h"
#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/option_values.h"
#include "frontends/config/compression_option.h"

namespace cairn {
namespace {

struct BackupCommand {
  BackupSources sources;
  BackupRequest request;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(const MadeBackup made,
                     MakeBackup(cli, sources, request, [&](const auto& meanwhile) { return cli.Open(meanwhile); }));
    if (cli.json()) {
      cli.PrintJson(BackupJson(made, request.dry_run));
    } else {
      SayBackup(cli, made);
    }
    return made.report.items_unread > 0 ? kExitIncomplete : kExitOk;
  }
};

}  // namespace

void AddBackup(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<BackupCommand>();
  CLI::App* command =
      app.add_subcommand("backup", "Back up folders, files, databases, a stream, or what a command writes");
  command->add_option("--tag", options->request.tags, "Tags, joined by commas (repeatable)")
      ->type_name("TAG[,TAG]")
      ->check(TagsValue());
  command->add_option("--host", options->request.host, "Host (default: this one)")->type_name("HOST");
  command->add_option("--time", options->request.time, "Time of the snapshot (default: now)")
      ->type_name("TIME")
      ->check(TimeValue());
  command->add_option("--description", options->request.description, "Description");
  command->add_option("--parent", options->request.parent, "Compare with this snapshot")->type_name("SNAPSHOT");
  command->add_flag("-f,--force", options->request.force, "Read everything again");
  options->sources.AddTo(*command);
  command->add_option("--compression", options->request.compression, "0 to 19, off, fast, default, better, max")
      ->capture_default_str()
      ->check(ValueOf(ParseCompression));
  command->add_flag("-n,--dry-run", options->request.dry_run, "Only say what would be done");
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
