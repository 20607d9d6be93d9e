#include <nlohmann/json.hpp>

#include "engine/jobs/repair.h"
#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

struct RepairCommand {
  std::vector<std::string> names;
  bool dry_run = false, forget = false, drop_missing = false;

  // What is left undone makes the run one that is not complete.
  static int CodeOf(const RepairReport& report) {
    const bool left = report.packs_missing > 0 || !report.snapshots_left.empty() || !report.snapshots_held.empty() ||
                      report.unreadable_left > 0;
    return left ? kExitIncomplete : kExitOk;
  }

  std::string Would() const { return dry_run ? "would be " : ""; }

  void ShowJson(Cli& cli, const RepairReport& report) const {
    const auto hex = [](const std::vector<SnapshotId>& ids) {
      nlohmann::json list = nlohmann::json::array();
      for (const SnapshotId& id : ids) list.push_back(id.ToHex());
      return list;
    };
    nlohmann::json set_aside = nlohmann::json::array();
    for (const ObjectName& name : report.set_aside) set_aside.push_back(name.text());
    cli.PrintJson({{"message_type", "summary"},
                   {"dry_run", dry_run},
                   {"segments_written", report.segments_written},
                   {"packs_added", report.packs_added},
                   {"packs_taken_in", report.packs_taken_in},
                   {"packs_removed_from_index", report.packs_removed_from_index},
                   {"packs_missing", report.packs_missing},
                   {"packs_salvaged", report.packs_salvaged},
                   {"blobs_salvaged", report.blobs_salvaged},
                   {"blobs_lost", report.blobs_lost},
                   {"snapshots_rewritten", hex(report.snapshots_rewritten)},
                   {"repaired_before", hex(report.repaired_before)},
                   {"snapshots_left", hex(report.snapshots_left)},
                   {"snapshots_held", hex(report.snapshots_held)},
                   {"set_aside", set_aside},
                   {"unreadable_left", report.unreadable_left},
                   {"losses_recorded", report.losses_recorded.size()}});
  }

  static void SayMissing(Cli& cli, const RepairReport& report) {
    if (report.packs_missing == 0) return;
    cli.Say(
        fmt::format("{} packs are missing, and stay in the index: they may come back (is all of the repository "
                    "mounted, and fully synchronised?)\n"
                    "  cairn repair index --drop-missing  gives them up; the next backup stores anew what it finds, "
                    "and cairn repair snapshots then names what is lost\n",
                    report.packs_missing));
  }

  Result<int> Index(Cli& cli) const {
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    ASSIGN_OR_RETURN(
        const RepairReport report,
        RepairIndex(cli.context(), *repository, {.drop_missing = drop_missing, .dry_run = dry_run}, cli.Findings()));
    if (cli.json()) {
      ShowJson(cli, report);
      return CodeOf(report);
    }
    cli.Say(fmt::format("index: {} segments {}written, {} packs {}added, {} {}taken in again, {} {}taken out\n",
                        report.segments_written, Would(), report.packs_added, Would(), report.packs_taken_in, Would(),
                        report.packs_removed_from_index, Would()));
    SayMissing(cli, report);
    return CodeOf(report);
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
    RETURN_IF_ERROR(report);
    if (cli.json()) {
      ShowJson(cli, *report);
      return CodeOf(*report);
    }
    cli.Say(fmt::format("packs: {} damaged, {} blobs {}saved, {} lost\n", report->packs_salvaged,
                        report->blobs_salvaged, Would(), report->blobs_lost));
    SayMissing(cli, *report);
    return CodeOf(*report);
  }

  // Also one that cannot be read: it may be named to be set aside.
  static Result<SnapshotId> Resolve(const SnapshotSet& set, const std::string& name) {
    auto readable = ResolveSnapshot(set, name, {});
    std::vector<SnapshotId> found;
    for (const UnreadableObject& unreadable : set.unreadable) {
      const ParsedName parsed = ParseObjectName(unreadable.name.text());
      const bool is_snapshot = parsed.kind == ParsedName::Kind::kSnapshot;
      if (is_snapshot && name.size() >= 4 && parsed.session.ToHex().starts_with(name)) found.push_back(parsed.session);
    }
    if (readable && found.empty()) return (*readable)->id;
    if (found.size() == 1 && !readable && readable.error().code() == ErrorCode::kNotFound) return found.front();
    if (found.empty() || (!readable && readable.error().code() != ErrorCode::kNotFound)) return readable.error();
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is the beginning of several ids: {} and {}", name,
                     found.front().ToHex(), readable ? (*readable)->id.ToHex() : found.back().ToHex());
  }

  Result<int> Snapshots(Cli& cli) const {
    RepairSnapshotsOptions options;
    options.forget_broken = forget;
    options.dry_run = dry_run;
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    if (!names.empty()) {
      ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
      for (const std::string& name : names) {
        ASSIGN_OR_RETURN(const SnapshotId id, Resolve(set, name));
        RETURN_IF_ERROR(Cli::NeedNoDoubt(set, name, {}, ParsedName::Kind::kSnapshot));
        options.snapshots.push_back(id);
      }
    }
    auto progress = cli.ShowProgress();
    auto report = RepairSnapshots(cli.context(), *repository, options, cli.Findings());
    progress.reset();
    RETURN_IF_ERROR(report);
    if (cli.json()) {
      ShowJson(cli, *report);
      return CodeOf(*report);
    }
    cli.Say(fmt::format(
        "snapshots: {} {}rewritten without what is lost, {} had been before, {} unreadable {}set aside, {} losses "
        "{}put on record\n",
        report->snapshots_rewritten.size(), Would(), report->repaired_before.size(), report->set_aside.size(), Would(),
        report->losses_recorded.size(), Would()));
    if (!report->snapshots_left.empty()) {
      cli.Say(
          fmt::format("{} snapshots were left as they are: what they need is in the index, and in packs that are "
                      "missing or damaged\n",
                      report->snapshots_left.size()));
    }
    if (report->unreadable_left > 0) {
      cli.Say(fmt::format(
          "{} objects that cannot be read (named above) were left where they are: where no copy of them can be "
          "put back, cairn repair snapshots --forget moves them to trash/\n",
          report->unreadable_left));
    }
    cli.Say(
        "what is lost was looked up in the index, and no pack of data was read: cairn repair packs finds damaged ones, "
        "cairn repair index those that are missing\n");
    return CodeOf(*report);
  }
};

}  // namespace

void AddRepair(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<RepairCommand>();
  CLI::App* command = app.add_subcommand("repair", "Make the best of what is there; what is lost is named");
  command->require_subcommand(1);
  CLI::App* index =
      command->add_subcommand("index", "Index packs that no segment names, and those that are there again");
  index->add_flag("--drop-missing", options->drop_missing, "Give up packs that are missing: they will not come back");
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
