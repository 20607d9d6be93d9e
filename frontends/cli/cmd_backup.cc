#include <nlohmann/json.hpp>

#include "engine/env/version.h"
#include "engine/jobs/backup.h"
#include "engine/repo/time_text.h"
#include "frontends/cli/backup_sources.h"
#include "frontends/cli/command.h"
#include "frontends/cli/compression_option.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/origin.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

struct BackupCommand {
  BackupSources sources;
  std::vector<std::string> tags;
  std::string host, time, description, parent, compression = "default";
  bool force = false, dry_run = false;

  Result<BackupOptions> Options(Cli& cli) const {
    BackupOptions options;
    options.host = host.empty() ? HostName() : ToBytes(AsBytes(host));
    options.user = UserName();
    options.program = std::string(kProgram);
    options.tags = AllTags(tags);
    options.description = description;
    if (!time.empty()) {
      ASSIGN_OR_RETURN(options.time, ParseTime(time, SystemClock()));
    }
    options.force = force;
    options.dry_run = dry_run;
    ASSIGN_OR_RETURN(options.compression, ParseCompression(compression));
    if (!parent.empty()) {
      ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
      ASSIGN_OR_RETURN(const LoadedSnapshot* one, ResolveSnapshot(set, parent, {}));
      options.parent = one->id;
    }
    return options;
  }

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(auto made, sources.Make(cli));
    std::optional<WireTime> begun;
    ASSIGN_OR_RETURN(Repository * repository, cli.Open([&] {
      begun = ToWireTime(SystemClock().Now());
      made.front()->OpenSoon();  // the others' turn comes when the one before is done
    }));
    ASSIGN_OR_RETURN(BackupOptions options, Options(cli));
    options.begun = begun;
    const auto start = SystemClock().Steady();
    auto progress = cli.ShowProgress();
    std::unique_ptr<std::jthread> scan;
    if (progress != nullptr) {
      ASSIGN_OR_RETURN(scan, sources.StartScan(cli));
    }
    auto report = RunBackup(cli.context(), *repository, std::move(made), options, cli.Findings());
    scan.reset();
    progress.reset();
    RETURN_IF_ERROR(report);
    Show(cli, *report, std::chrono::duration<double>(SystemClock().Steady() - start).count());
    return report->items_unread > 0 ? kExitIncomplete : kExitOk;
  }

  void Show(Cli& cli, const BackupReport& report, double seconds) const {
    const SnapshotTotals& totals = report.totals;
    if (cli.json()) {
      const auto id_or_null = [](const std::optional<SnapshotId>& id) {
        return id ? nlohmann::json(id->ToHex()) : nlohmann::json();
      };
      cli.PrintJson({{"message_type", "summary"},
                     {"id", id_or_null(report.id)},
                     {"parent", id_or_null(report.parent)},
                     {"dry_run", dry_run},
                     {"files", totals.files},
                     {"folders", totals.folders},
                     {"others", totals.others},
                     {"bytes", totals.bytes},
                     {"files_new", report.files_new},
                     {"files_changed", report.files_changed},
                     {"files_unchanged", report.files_unchanged},
                     {"bytes_read", report.bytes_read},
                     {"bytes_new", totals.bytes_new},
                     {"bytes_stored", totals.bytes_stored},
                     {"blobs_new", report.blobs_new},
                     {"data_blobs_new", report.data_blobs_new},
                     {"resumed_bytes", report.resumed_bytes},
                     {"items_unread", report.items_unread},
                     {"fenced_times", report.fenced_times},
                     {"seconds", seconds}});
      return;
    }
    cli.Say(fmt::format("files: {} new, {} changed, {} unchanged; {} folders, {} others; {} in all\n",
                        HumanCount(report.files_new), HumanCount(report.files_changed),
                        HumanCount(report.files_unchanged), HumanCount(totals.folders), HumanCount(totals.others),
                        HumanBytes(totals.bytes)));
    if (report.resumed_bytes > 0) {
      cli.Say(
          fmt::format("went on from an interrupted run: {} were stored already\n", HumanBytes(report.resumed_bytes)));
    }
    cli.Say(report.data_blobs_new == 0 ? fmt::format("read {}; no new data\n", HumanBytes(report.bytes_read))
                                       : fmt::format("read {}; new: {} in {} blobs, stored as {}\n",
                                                     HumanBytes(report.bytes_read), HumanBytes(totals.bytes_new),
                                                     HumanCount(report.blobs_new), HumanBytes(totals.bytes_stored)));
    cli.Say(report.id ? fmt::format("snapshot {} saved in {:.1f} s{}\n", report.id->Short(), seconds,
                                    report.items_unread > 0
                                        ? fmt::format(", without {} that could not be read", report.items_unread)
                                        : "")
                      : std::string("dry run: nothing was stored\n"));
  }
};

}  // namespace

void AddBackup(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<BackupCommand>();
  CLI::App* command =
      app.add_subcommand("backup", "Back up folders, files, databases, a stream, or what a command writes");
  command->add_option("--tag", options->tags, "Tags, joined by commas (repeatable)")
      ->type_name("TAG[,TAG]")
      ->check(TagsValue());
  command->add_option("--host", options->host, "Host (default: this one)")->type_name("HOST");
  command->add_option("--time", options->time, "Time of the snapshot (default: now)")
      ->type_name("TIME")
      ->check(TimeValue());
  command->add_option("--description", options->description, "Description");
  command->add_option("--parent", options->parent, "Compare with this snapshot")->type_name("SNAPSHOT");
  command->add_flag("-f,--force", options->force, "Read everything again");
  options->sources.AddTo(*command);
  command->add_option("--compression", options->compression, "0 to 19, off, fast, default, better, max")
      ->capture_default_str()
      ->check(ValueOf(ParseCompression));
  command->add_flag("-n,--dry-run", options->dry_run, "Only say what would be done");
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
