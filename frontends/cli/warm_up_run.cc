#include "frontends/cli/warm_up_run.h"

#include <nlohmann/json.hpp>

#include "frontends/cli/option_values.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

nlohmann::json JsonOf(const WarmUpReport& report, const std::string& terms, bool dry_run) {
  return {{"message_type", "warm_up"},
          {"dry_run", dry_run},
          {"packs", report.packs},
          {"bytes", report.bytes},
          {"asked", report.asked},
          {"bytes_asked", report.bytes_asked},
          {"cold", report.cold},
          {"bytes_cold", report.bytes_cold},
          {"terms", terms}};
}

void Show(Cli& cli, const WarmUpReport& report, const std::string& terms, bool dry_run) {
  cli.Say(fmt::format("{} packs with {} are needed", HumanCount(report.packs), HumanBytes(report.bytes)));
  if (report.asked > 0) {
    cli.Say(fmt::format("; {} {} of them, {}, to be brought back: a request each",
                        dry_run ? "would ask for" : "asked for", HumanCount(report.asked),
                        HumanBytes(report.bytes_asked)));
  }
  cli.Say(report.is_warm() ? "; all can be read\n" : fmt::format("; {}\n", terms));
  if (report.is_warm() || dry_run) return;
  cli.Say(fmt::format("{} packs, {}, cannot be read yet: run it again later, or with --wait 12h\n",
                      HumanCount(report.cold), HumanBytes(report.bytes_cold)));
}

}  // namespace

void WarmUpRun::AddTo(CLI::App& command) {
  command.add_flag("--warm-up", is_asked_for,
                   "Have the store bring back what is archived of it; restores only when all of that can be read");
  command.add_option("--wait", wait, "With --warm-up: wait so long at most until it can: 12h")
      ->type_name("AGE")
      ->check(AgeValue());
}

Result<bool> WarmUpRun::Run(Cli& cli, const std::string& snapshot, const SnapshotFilter& filter,
                            const RestoreOptions& restore, bool dry_run) const {
  WarmUpOptions options{.ask = !dry_run};
  if (!wait.empty()) {
    ASSIGN_OR_RETURN(const uint32_t seconds, ParseAge(wait));
    options.wait = std::chrono::seconds(seconds);
  }
  ASSIGN_OR_RETURN(Repository * repository, cli.Open());
  ASSIGN_OR_RETURN(const auto warmer, cli.OpenWarmer());
  ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
  ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, snapshot, filter));
  ASSIGN_OR_RETURN(const auto index, repository->LoadIndex(cli.context()));
  auto progress = cli.ShowProgress();
  auto packs = FindDataPacks(cli.context(), *repository, *index, *one, restore, cli.Findings());
  auto report = packs ? RunWarmUp(cli.context(), *warmer, *packs, options) : Result<WarmUpReport>(packs.error());
  progress.reset();
  RETURN_IF_ERROR(report);
  const std::string terms = warmer->terms();
  if (cli.json()) {
    cli.PrintJson(JsonOf(*report, terms, dry_run));
  } else {
    Show(cli, *report, terms, dry_run);
  }
  return report->is_warm();
}

Error WithWhatIsArchived(Error error, Cli& cli, Repository& repository, Index& index, const LoadedSnapshot& snapshot,
                         const RestoreOptions& restore) {
  const auto look = [&]() -> Result<WarmUpReport> {
    ASSIGN_OR_RETURN(const auto warmer, cli.OpenWarmer());
    ASSIGN_OR_RETURN(const auto packs, FindDataPacks(cli.context(), repository, index, snapshot, restore, {}));
    return RunWarmUp(cli.context(), *warmer, packs, {.ask = false});
  };
  const auto report = look();
  if (!report || report->is_warm()) return error;
  return std::move(error).While(fmt::format("{} of the {} packs that are needed, {}, are in an archive of the store",
                                            HumanCount(report->cold), HumanCount(report->packs),
                                            HumanBytes(report->bytes_cold)));
}

}  // namespace cairn
