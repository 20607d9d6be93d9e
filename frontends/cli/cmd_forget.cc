#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/jobs/retention.h"
#include "engine/jobs/retention_guard.h"
#include "frontends/cli/command.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/prune_command.h"
#include "frontends/cli/retention_run.h"
#include "frontends/cli/snapshot_json.h"
#include "frontends/cli/text.h"
#include "frontends/config/values.h"

namespace cairn {
namespace {

struct ForgetCommand {
  FilterOptions filter;
  std::vector<std::string> names, keep_tags;
  std::string last, hourly, daily, weekly, monthly, yearly;
  std::string within, within_hourly, within_daily, within_weekly, within_monthly, within_yearly;
  std::string group_by = "host,paths";
  bool prune = false, dry_run = false, deleted = false;
  std::string keep_deleted;
  PruneCommand prune_options;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    if (deleted) return DropDeleted(cli, *repository);
    ASSIGN_OR_RETURN(const ForgetOptions options, Options(*repository));
    ASSIGN_OR_RETURN(SnapshotSet set, cli.Snapshots());
    ASSIGN_OR_RETURN(const RetentionPolicy policy, Policy());
    std::vector<SnapshotId> going;
    std::string named;  // those that were named, once they are gone
    if (!names.empty()) {
      if (!policy.IsEmpty()) {
        return Error(ErrorCode::kInvalidArgument, "name snapshots, or give --keep options, not both");
      }
      for (const std::string& name : names) {
        ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, name, filter.Filter()));
        if (std::ranges::find(going, one->id) != going.end()) continue;
        going.push_back(one->id);
        named += "snapshot " + one->id.Short();
        if (one->opened) {
          named += fmt::format(" of {}, host {}", FormatTime(one->inner.start, one->inner.offset_minutes),
                               Printable(ToString(one->inner.host)));
        }
        named += "\n";
      }
    } else {
      RETURN_IF_ERROR(repository->keyring().Need(Rights::kMetadataKey, "applying a policy"));
      ASSIGN_OR_RETURN(const GroupBy groups, GroupBy::Parse(group_by));
      const SnapshotFilter keep = filter.Filter();
      RetentionGuard{.now = cli.context().clock.Now(), .made = {}}.Mark(set.snapshots, keep, cli.Findings());
      ASSIGN_OR_RETURN(const auto decided, ApplyRetention(set.snapshots, policy, groups, keep, false));
      for (const RetentionGroup& group : decided) Show(cli, group);
      if (decided.empty() && !set.snapshots.empty()) {
        cli.context().log.Warning(
            "none of {} snapshots is of the hosts, paths and tags that are named: nothing is forgotten",
            set.snapshots.size());
      }
      going = GoingOf(decided);
    }
    ASSIGN_OR_RETURN(const ForgetReport report,
                     Forget(cli.context(), *repository, set, going, options, dry_run, cli.Findings()));
    // Of those that others forgot meanwhile nothing is promised.
    const bool none_kept = !going.empty() && report.not_kept.size() == going.size();
    const uint32_t kept_seconds = none_kept ? 0 : report.kept_seconds;
    nlohmann::json ids = nlohmann::json::array();
    for (const SnapshotId& id : going) ids.push_back(id.ToHex());
    if (!cli.json()) {
      cli.Say(named);
      cli.Say(fmt::format("{} {} snapshot{}{}\n", dry_run ? "would forget" : "forgot", going.size(),
                          going.size() == 1 ? "" : "s", WhatNow(going.empty() || dry_run, kept_seconds)));
    }
    nlohmann::json summary = {
        {"message_type", "summary"}, {"forgotten", ids}, {"kept_seconds", kept_seconds}, {"dry_run", dry_run}};
    if (prune) {
      prune_options.dry_run = dry_run;
      ASSIGN_OR_RETURN(summary["prune"], prune_options.Run(cli));
    }
    if (cli.json()) cli.PrintJson(summary);
    return 0;
  }

  std::string WhatNow(bool is_nothing_done, uint32_t kept_seconds) const {
    if (is_nothing_done) return "";
    if (kept_seconds > 0) {
      return fmt::format("; cairn undelete brings back what was forgotten, for {}, and a prune after that frees it",
                         AgeText(kept_seconds));
    }
    return prune ? "" : "; cairn prune frees what only they needed";
  }

  // A time that is shorter than everybody's is a mistake, or somebody's wish to do away with history.
  Result<ForgetOptions> Options(const Repository& repository) const {
    const uint32_t at_least = repository.keyring().sealed_part().keep_deleted_seconds;
    ForgetOptions options;
    if (keep_deleted.empty()) return options;
    ASSIGN_OR_RETURN(options.keep_seconds, ParseAge(keep_deleted));
    if (options.keep_seconds >= at_least) return options;
    return MakeError(ErrorCode::kInvalidArgument,
                     "--keep-deleted is {}, and this repository keeps what is forgotten for {} (an owner changes that: "
                     "cairn config --keep-deleted)",
                     keep_deleted, AgeText(at_least));
  }

  Result<int> DropDeleted(Cli& cli, Repository& repository) {
    if (names.empty()) return Error(ErrorCode::kInvalidArgument, "--deleted needs the names of snapshots");
    ASSIGN_OR_RETURN(const RetentionPolicy policy, Policy());
    if (!policy.IsEmpty() || !keep_deleted.empty()) {
      return Error(ErrorCode::kInvalidArgument, "--deleted takes names: no --keep option goes with it");
    }
    ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshotsAndDeleted(repository, cli.context(), cli.Findings()));
    std::vector<SnapshotId> going;
    nlohmann::json ids = nlohmann::json::array();
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const DeletedSnapshot* one, ResolveDeleted(set, name, filter.Filter()));
      RETURN_IF_ERROR(Cli::NeedNoDoubt(set, name, filter.Filter(), ParsedName::Kind::kDeleted));
      if (std::ranges::find(going, one->snapshot.id) != going.end()) continue;
      going.push_back(one->snapshot.id);
      ids.push_back(one->snapshot.id.ToHex());
    }
    if (!dry_run) RETURN_IF_ERROR(RunForgetDeleted(cli.context(), repository, going));
    if (!cli.json()) cli.Say(fmt::format("{} {} for good\n", dry_run ? "would forget" : "forgot", going.size()));
    nlohmann::json summary = {
        {"message_type", "summary"}, {"forgotten", ids}, {"kept_seconds", 0}, {"dry_run", dry_run}};
    if (prune) {
      prune_options.dry_run = dry_run;
      ASSIGN_OR_RETURN(summary["prune"], prune_options.Run(cli));
    }
    if (cli.json()) cli.PrintJson(summary);
    return 0;
  }

  void Show(Cli& cli, const RetentionGroup& group) const {
    Table table({"Keep", "ID", "Time", "Reasons"});
    for (const RetentionDecision& decision : group.decisions) {
      std::string reasons;
      for (const std::string& reason : decision.reasons) reasons += (reasons.empty() ? "" : ", ") + reason;
      table.Add({decision.keep ? "keep" : "-", decision.snapshot->id.Short(),
                 FormatTime(decision.snapshot->inner.start, decision.snapshot->inner.offset_minutes), reasons});
      if (cli.json()) {
        cli.PrintJson({{"message_type", "decision"},
                       {"id", decision.snapshot->id.ToHex()},
                       {"keep", decision.keep},
                       {"reasons", decision.reasons}});
      }
    }
    if (cli.json() || cli.global.quiet) return;
    cli.Print(Printable(fmt::format("host {}, paths {}:\n", group.host.empty() ? "(any)" : group.host,
                                    group.paths.empty() ? "(any)" : group.paths)));
    cli.Print(table.Text());
  }

  Result<RetentionPolicy> Policy() const {
    RetentionPolicy policy;
    ASSIGN_OR_RETURN(policy.last, ParseKeepCount(last));
    ASSIGN_OR_RETURN(policy.hourly, ParseKeepCount(hourly));
    ASSIGN_OR_RETURN(policy.daily, ParseKeepCount(daily));
    ASSIGN_OR_RETURN(policy.weekly, ParseKeepCount(weekly));
    ASSIGN_OR_RETURN(policy.monthly, ParseKeepCount(monthly));
    ASSIGN_OR_RETURN(policy.yearly, ParseKeepCount(yearly));
    for (const auto& [text, target] :
         {std::pair(&within, &policy.within), std::pair(&within_hourly, &policy.within_hourly),
          std::pair(&within_daily, &policy.within_daily), std::pair(&within_weekly, &policy.within_weekly),
          std::pair(&within_monthly, &policy.within_monthly), std::pair(&within_yearly, &policy.within_yearly)}) {
      if (text->empty()) continue;
      ASSIGN_OR_RETURN(*target, CivilSpan::Parse(*text));
    }
    for (const std::string& tags : keep_tags) policy.keep_tags.push_back(CLI::detail::split(tags, ','));
    return policy;
  }
};

}  // namespace

void AddForget(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<ForgetCommand>();
  CLI::App* command = app.add_subcommand("forget", "Let snapshots go, by name or by a policy");
  command->add_option("SNAPSHOT", options->names, "These, whatever the policy");
  command->add_option("-l,--keep-last", options->last, "Keep the newest N")
      ->type_name("N")
      ->check(ValueOf(ParseKeepCount));
  command->add_option("-H,--keep-hourly", options->hourly, "Keep the newest of N hours")
      ->type_name("N")
      ->check(ValueOf(ParseKeepCount));
  command->add_option("-d,--keep-daily", options->daily, "Keep the newest of N days")
      ->type_name("N")
      ->check(ValueOf(ParseKeepCount));
  command->add_option("-w,--keep-weekly", options->weekly, "Keep the newest of N weeks")
      ->type_name("N")
      ->check(ValueOf(ParseKeepCount));
  command->add_option("-m,--keep-monthly", options->monthly, "Keep the newest of N months")
      ->type_name("N")
      ->check(ValueOf(ParseKeepCount));
  command->add_option("-y,--keep-yearly", options->yearly, "Keep the newest of N years")
      ->type_name("N")
      ->check(ValueOf(ParseKeepCount));
  command->add_option("--keep-within", options->within, "Keep all not older than this before the newest: 1y5m7d2h")
      ->type_name("SPAN")
      ->check(ValueOf(CivilSpan::Parse));
  command->add_option("--keep-within-hourly", options->within_hourly, "Hourly ones within it")
      ->type_name("SPAN")
      ->check(ValueOf(CivilSpan::Parse));
  command->add_option("--keep-within-daily", options->within_daily, "Daily ones within it")
      ->type_name("SPAN")
      ->check(ValueOf(CivilSpan::Parse));
  command->add_option("--keep-within-weekly", options->within_weekly, "Weekly ones within it")
      ->type_name("SPAN")
      ->check(ValueOf(CivilSpan::Parse));
  command->add_option("--keep-within-monthly", options->within_monthly, "Monthly ones within it")
      ->type_name("SPAN")
      ->check(ValueOf(CivilSpan::Parse));
  command->add_option("--keep-within-yearly", options->within_yearly, "Yearly ones within it")
      ->type_name("SPAN")
      ->check(ValueOf(CivilSpan::Parse));
  command->add_option("--keep-tag", options->keep_tags, "Keep those with all of these tags (repeatable)")
      ->type_name("TAG[,TAG]");
  command->add_option("--group-by", options->group_by, "Apply the policy to each group: host,paths,tags")
      ->capture_default_str()
      ->check(ValueOf(GroupBy::Parse));
  command
      ->add_option("--keep-deleted", options->keep_deleted,
                   "For so long cairn undelete can bring them back; the repository's own (cairn config) is the least")
      ->type_name("AGE")
      ->check(AgeValue());
  command->add_flag("--deleted", options->deleted, "Of what was forgotten and is kept: these go for good now");
  command->add_flag("--prune", options->prune, "Then prune");
  command->add_flag("-n,--dry-run", options->dry_run, "Only say what would be done");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
