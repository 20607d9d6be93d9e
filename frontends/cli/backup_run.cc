#include "frontends/cli/backup_run.h"

#include <nlohmann/json.hpp>

#include "engine/env/version.h"
#include "engine/repo/time_text.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/origin.h"
#include "frontends/cli/text.h"
#include "frontends/config/compression_option.h"

namespace cairn {
namespace {

Result<BackupOptions> OptionsOf(Cli& cli, const BackupRequest& request, Repository& repository) {
  BackupOptions options;
  options.host = request.host.empty() ? HostName() : ToBytes(AsBytes(request.host));
  options.user = UserName();
  options.program = std::string(kProgram);
  options.tags = AllTags(request.tags);
  options.description = request.description;
  if (!request.time.empty()) {
    ASSIGN_OR_RETURN(options.time, ParseTime(request.time, SystemClock()));
  }
  options.force = request.force;
  options.dry_run = request.dry_run;
  ASSIGN_OR_RETURN(options.compression, ParseCompression(request.compression));
  if (!request.parent.empty()) {
    ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshots(repository, cli.context(), cli.Findings()));
    ASSIGN_OR_RETURN(const LoadedSnapshot* one, ResolveSnapshot(set, request.parent, {}));
    options.parent = one->id;
  }
  return options;
}

}  // namespace

Result<MadeBackup> MakeBackup(Cli& cli, const BackupSources& sources, const BackupRequest& request,
                              const OpenRepository& open) {
  ASSIGN_OR_RETURN(auto made, sources.Make(cli));
  std::optional<WireTime> begun;
  ASSIGN_OR_RETURN(Repository * repository, open([&] {
                     begun = ToWireTime(SystemClock().Now());
                     made.front()->OpenSoon();  // the others' turn comes when the one before is done
                   }));
  ASSIGN_OR_RETURN(BackupOptions options, OptionsOf(cli, request, *repository));
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
  return MadeBackup{*std::move(report), std::chrono::duration<double>(SystemClock().Steady() - start).count()};
}

nlohmann::json BackupJson(const MadeBackup& made, bool dry_run) {
  const BackupReport& report = made.report;
  const SnapshotTotals& totals = report.totals;
  const auto id_or_null = [](const std::optional<SnapshotId>& id) {
    return id ? nlohmann::json(id->ToHex()) : nlohmann::json();
  };
  return {{"message_type", "summary"},
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
          {"seconds", made.seconds}};
}

void SayBackup(Cli& cli, const MadeBackup& made) {
  const BackupReport& report = made.report;
  const SnapshotTotals& totals = report.totals;
  cli.Say(fmt::format("files: {} new, {} changed, {} unchanged; {} folders, {} others; {} in all\n",
                      HumanCount(report.files_new), HumanCount(report.files_changed),
                      HumanCount(report.files_unchanged), HumanCount(totals.folders), HumanCount(totals.others),
                      HumanBytes(totals.bytes)));
  if (report.resumed_bytes > 0) {
    cli.Say(fmt::format("went on from an interrupted run: {} were stored already\n", HumanBytes(report.resumed_bytes)));
  }
  cli.Say(report.data_blobs_new == 0 ? fmt::format("read {}; no new data\n", HumanBytes(report.bytes_read))
                                     : fmt::format("read {}; new: {} in {} blobs, stored as {}\n",
                                                   HumanBytes(report.bytes_read), HumanBytes(totals.bytes_new),
                                                   HumanCount(report.blobs_new), HumanBytes(totals.bytes_stored)));
  cli.Say(report.id ? fmt::format("snapshot {} saved in {:.1f} s{}\n", report.id->Short(), made.seconds,
                                  report.items_unread > 0
                                      ? fmt::format(", without {} that could not be read", report.items_unread)
                                      : "")
                    : std::string("dry run: nothing was stored\n"));
}

}  // namespace cairn
