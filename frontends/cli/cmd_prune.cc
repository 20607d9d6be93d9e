#include <nlohmann/json.hpp>

#include "engine/jobs/prune.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/prune_command.h"
#include "frontends/cli/retention_run.h"
#include "frontends/cli/text.h"
#include "frontends/config/values.h"

namespace cairn {
namespace {

// What is archived cannot be compared with the index, as what is removed has to be, nor moved without being paid for.
void ShowArchived(Cli& cli, const PruneReport& report) {
  const PrunePlan& plan = report.plan;
  if (plan.bytes_archived_partly > 0) {
    cli.Say(fmt::format("{} dead bytes stay in archived packs with live data: those are not repacked\n",
                        HumanBytes(plan.bytes_archived_partly)));
  }
  const uint64_t packs = plan.packs_archived + report.packs_archived;
  if (packs == 0) return;
  cli.Say(fmt::format(
      "{} packs that nothing needs stay, for they are archived, and are looked into before they go: {}\n",
      HumanCount(packs),
      report.packs_asked_for > 0 ? fmt::format("{} were asked for; prune again when the store has brought them back",
                                               HumanCount(report.packs_asked_for))
                                 : "prune --warm-up has the store bring them back"));
}

void Show(Cli& cli, const PruneReport& report, bool dry_run) {
  const PrunePlan& plan = report.plan;
  uint64_t dead = 0;
  uint64_t repack = 0;
  for (const PackPlan& pack : plan.packs) {
    dead += pack.fate == PackFate::kRemove ? 1 : 0;
    repack += pack.fate == PackFate::kRepack ? 1 : 0;
  }
  cli.Say(fmt::format("{} packs, {}: {} dead, {} to be repacked ({} moved), {} in no index segment\n",
                      HumanCount(plan.packs.size()), HumanBytes(plan.bytes_before), dead, repack,
                      HumanBytes(plan.bytes_repacked), plan.unindexed.size()));
  if (dry_run) {
    cli.Say(fmt::format("would free {}; {} unused would stay\n", HumanBytes(plan.bytes_removed),
                        HumanBytes(plan.bytes_unused_after)));
  } else {
    cli.Say(fmt::format("removed {} packs, {}; wrote {} packs, {}\n", report.packs_removed,
                        HumanBytes(report.bytes_removed), report.packs_written, HumanBytes(report.bytes_written)));
  }
  if (plan.packs_joined > 0) {
    cli.Say(fmt::format(
        "{}{} small packs joined, which {} less to be billed for\n", dry_run ? "would have " : "", plan.packs_joined,
        dry_run ? "would leave " + HumanBytes(plan.bytes_joined) : "leaves " + HumanBytes(plan.bytes_joined)));
  }
  if (plan.bytes_billed_anyway > 0) {
    cli.Say(fmt::format("{} dead bytes stay in packs that the store bills for a while yet (store.least-age)\n",
                        HumanBytes(plan.bytes_billed_anyway)));
  }
  const auto say_with = [&](const std::string& text, const std::vector<std::string>& names) {
    cli.Say(text);
    for (const std::string& name : names) cli.Say("  " + name + "\n");
  };
  if (report.packs_waiting > 0) {
    say_with(fmt::format("{} packs, {}, wait until these have ended, and go with a later prune:\n",
                         report.packs_waiting, HumanBytes(report.bytes_waiting)),
             report.waiting_for);
  }
  if (report.packs_young > 0) {
    say_with(fmt::format(
                 "{} packs with {} that no snapshot needs so far stay: these run, or a next backup may take them up:\n",
                 report.packs_young, HumanBytes(report.bytes_young)),
             report.young_of);
  }
  if (report.packs_damaged > 0) {
    cli.Say(
        fmt::format("{} packs stay that cannot be read, for snapshots need what is in them\n", report.packs_damaged));
  }
  ShowArchived(cli, report);
  if (!report.tombstones_unknown.empty()) {
    say_with(
        "these are by a newer program, or by a key that came meanwhile, and their packs stay: upgrade, or run it "
        "again:\n",
        report.tombstones_unknown);
  }
  if (!report.sessions_unproved.empty()) {
    say_with(
        "these are silent and fenced, and not proved dead: they stay on record until a backup of their machine ends "
        "them:\n",
        report.sessions_unproved);
  }
  if (report.deleted_kept > 0) {
    cli.Say(
        fmt::format("what {} forgotten snapshot{} need{} stays until their time is over (cairn snapshots --deleted)\n",
                    report.deleted_kept, report.deleted_kept == 1 ? "" : "s", report.deleted_kept == 1 ? "s" : ""));
  }
  if (report.deleted_over > 0) {
    cli.Say(fmt::format("{} forgotten snapshot{} {} been kept for long enough\n", report.deleted_over,
                        report.deleted_over == 1 ? "" : "s", report.deleted_over == 1 ? "has" : "have"));
  }
  if (report.deleted_without_date) {
    cli.Say("this store tells no dates: their time counts from when a prune of this machine first saw them\n");
  }
  if (plan.bytes_only_with_content_key > 0) {
    cli.Say(fmt::format("{} are dead beside live data in one frame: a prune with an owner's key frees them\n",
                        HumanBytes(plan.bytes_only_with_content_key)));
  }
}

}  // namespace

nlohmann::json PruneJson(const PruneReport& report, bool dry_run) {
  const PrunePlan& plan = report.plan;
  return {{"message_type", "summary"},
          {"dry_run", dry_run},
          {"plan",
           {{"bytes_before", plan.bytes_before},
            {"bytes_removed", plan.bytes_removed},
            {"bytes_repacked", plan.bytes_repacked},
            {"bytes_after", plan.bytes_after},
            {"bytes_unused_after", plan.bytes_unused_after},
            {"bytes_only_with_content_key", plan.bytes_only_with_content_key},
            {"bytes_billed_anyway", plan.bytes_billed_anyway},
            {"packs_archived", plan.packs_archived},
            {"bytes_archived", plan.bytes_archived},
            {"bytes_archived_partly", plan.bytes_archived_partly},
            {"packs_joined", plan.packs_joined},
            {"bytes_joined", plan.bytes_joined},
            {"packs_unindexed", plan.unindexed.size()}}},
          {"packs_removed", report.packs_removed},
          {"bytes_removed", report.bytes_removed},
          {"packs_written", report.packs_written},
          {"bytes_written", report.bytes_written},
          {"packs_waiting", report.packs_waiting},
          {"bytes_waiting", report.bytes_waiting},
          {"waiting_for", report.waiting_for},
          {"packs_young", report.packs_young},
          {"bytes_young", report.bytes_young},
          {"young_of", report.young_of},
          {"packs_damaged", report.packs_damaged},
          {"packs_archived", report.packs_archived},
          {"packs_asked_for", report.packs_asked_for},
          {"tombstones_unknown", report.tombstones_unknown},
          {"sessions_unproved", report.sessions_unproved},
          {"blobs_rescued", report.blobs_rescued},
          {"segments_merged", report.segments_merged},
          {"sessions_ended", report.sessions_ended},
          {"sessions_fenced", report.sessions_fenced},
          {"deleted_kept", report.deleted_kept},
          {"deleted_over", report.deleted_over}};
}

void PruneCommand::AddTo(CLI::App& command) {
  command.add_option("--max-unused", max_unused, "Unused bytes that may stay: a share, bytes, or unlimited")
      ->capture_default_str()
      ->type_name("LIMIT")
      ->check(ValueOf([](const std::string& text) { return ParsePruneOptions(text, ""); }));
  command.add_option("--max-repack-size", max_repack_size, "Move at most so many bytes")
      ->type_name("SIZE")
      ->check(SizeValue());
  command.add_flag("--warm-up", warm_up,
                   "Have the store bring back what is dead and archived, so that a later prune can remove it");
  command.add_flag("-n,--dry-run", dry_run, "Only say what would be done");
}

Result<nlohmann::json> PruneCommand::Run(Cli& cli) const {
  ASSIGN_OR_RETURN(PruneOptions options, ParsePruneOptions(max_unused, max_repack_size));
  options.dry_run = dry_run;
  ASSIGN_OR_RETURN(const RepositoryChoice* choice, cli.MainChoice());
  ASSIGN_OR_RETURN(const StoreSettings settings, cli.SettingsOf(*choice));
  ASSIGN_OR_RETURN(Repository * repository, cli.Open());
  ASSIGN_OR_RETURN(StorageOfPacks storage, StorageOf(cli, *choice));
  if (warm_up && storage.warmer == nullptr) {
    ASSIGN_OR_RETURN(storage.warmer, cli.OpenWarmer());
  }
  storage.SetIn(options);
  options.warm_up = warm_up;
  auto progress = cli.ShowProgress();
  auto report = RunPrune(cli.context(), *repository, options, cli.Findings());
  progress.reset();
  RETURN_IF_ERROR(report);
  if (!cli.json()) Show(cli, *report, dry_run);
  if (!cli.json() && report->packs_removed > 0 && settings.contains("s3.object-lock")) {
    cli.Say("what was removed is hidden, and the store holds and bills it until its lock is over (s3.lock-for)\n");
  }
  return PruneJson(*report, dry_run);
}

void AddPrune(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<PruneCommand>();
  CLI::App* command = app.add_subcommand("prune", "Free what no snapshot needs, beside running backups");
  options->AddTo(*command);
  command->callback([&cli, &action, options] {
    action = [&cli, options]() -> Result<int> {
      ASSIGN_OR_RETURN(const nlohmann::json summary, options->Run(cli));
      if (cli.json()) cli.PrintJson(summary);
      return 0;
    };
  });
}

}  // namespace cairn
