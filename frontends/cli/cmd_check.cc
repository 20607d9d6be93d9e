#include <charconv>

#include "engine/jobs/check.h"
#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/text.h"
#include "frontends/config/values.h"

#include <nlohmann/json.hpp>

namespace cairn {
namespace {

// "3/10", "2.5%", "500M".
Result<void> ParseSubset(const std::string& text, CheckOptions* options) {
  const auto bad = [&] {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no subset: write n/t (1/10), a share (2.5%) or bytes (1G)",
                     text);
  };
  if (const size_t slash = text.find('/'); slash != std::string::npos) {
    const auto number = [&](size_t begin, size_t end, uint32_t* value) {
      const auto [stop, error] = std::from_chars(text.data() + begin, text.data() + end, *value);
      return error == std::errc() && stop == text.data() + end;
    };
    const bool good = number(0, slash, &options->part) && number(slash + 1, text.size(), &options->parts);
    if (!good || options->part == 0 || options->part > options->parts) return bad();
    options->data = CheckOptions::Data::kPart;
    return {};
  }
  if (text.ends_with("%")) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size() - 1, options->percent);
    const bool good = error == std::errc() && stop == text.data() + text.size() - 1;
    if (!good || options->percent <= 0 || options->percent > 100) return bad();
    options->data = CheckOptions::Data::kPercent;
    return {};
  }
  auto bytes = ParseBytes(text);
  if (!bytes || *bytes == 0) return bad();
  options->bytes = *bytes;
  options->data = CheckOptions::Data::kBytes;
  return {};
}

struct CheckCommand {
  FilterOptions filter;
  std::string snapshot, subset;
  bool read_data = false, extend_lock = false;

  Result<int> Run(Cli& cli) {
    CheckOptions options;
    if (read_data) options.data = CheckOptions::Data::kAll;
    if (!subset.empty()) RETURN_IF_ERROR(ParseSubset(subset, &options));
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    std::unique_ptr<ObjectLocker> locker;
    if (extend_lock) {
      ASSIGN_OR_RETURN(locker, cli.OpenLocker());
    }
    options.locker = locker.get();
    if (!snapshot.empty()) {
      ASSIGN_OR_RETURN(const SnapshotSet set, LoadSnapshots(*repository, cli.context(), {}));
      ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, snapshot, filter.Filter()));
      options.snapshot = one->id;
    }
    auto progress = cli.ShowProgress();
    auto report = RunCheck(cli.context(), *repository, options, cli.Findings());
    progress.reset();
    RETURN_IF_ERROR(report);
    if (cli.json()) {
      cli.PrintJson({{"message_type", "summary"},
                     {"damages", report->damages},
                     {"unread", report->unread},
                     {"warnings", report->warnings},
                     {"notes", report->notes},
                     {"trees_followed", report->trees_followed},
                     {"snapshots", report->snapshots},
                     {"deleted", report->deleted},
                     {"locks_looked_at", report->locks_looked_at},
                     {"locks_extended", report->locks_extended},
                     {"packs", report->packs},
                     {"segments", report->segments},
                     {"keys", report->keys},
                     {"keys_opened", report->keys_opened},
                     {"configs", report->configs},
                     {"blobs_needed", report->blobs_needed},
                     {"packs_read", report->packs_read},
                     {"bytes_read", report->bytes_read},
                     {"packs_archived", report->packs_archived},
                     {"bytes_archived", report->bytes_archived},
                     {"ids_checked", report->ids_checked},
                     {"unused_packs", report->unused_packs},
                     {"taken_out_packs", report->taken_out_packs},
                     {"missing_packs", report->missing_packs}});
    } else {
      Show(cli, *report, options);
    }
    if (report->damages > 0) return kExitFatal;
    // Who only extends locks takes all for needed where trees cannot be opened, and has done it all.
    const bool is_left = !report->trees_followed && locker == nullptr;
    return report->unread > 0 || is_left ? kExitIncomplete : kExitOk;
  }

  static void Show(Cli& cli, const CheckReport& report, const CheckOptions& options) {
    cli.Say(fmt::format(
        "checked {} snapshots, {} blobs that they need, {} packs, {} index segments; {} of {} keys opened\n",
        HumanCount(report.snapshots), HumanCount(report.blobs_needed), HumanCount(report.packs),
        HumanCount(report.segments), HumanCount(report.keys_opened), HumanCount(report.keys)));
    if (report.deleted > 0) {
      cli.Say(fmt::format("{} forgotten snapshots that can be brought back were checked too\n", report.deleted));
    }
    if (options.data == CheckOptions::Data::kNone) {
      cli.Say("packs were compared by name and size; --read-data reads them\n");
    } else {
      cli.Say(fmt::format("read {} packs, {}{}\n", HumanCount(report.packs_read), HumanBytes(report.bytes_read),
                          report.ids_checked ? ", every blob opened and its id computed"
                                             : "; this key cannot open data: seals and sums were checked"));
    }
    if (report.packs_archived > 0) {
      cli.Say(
          fmt::format("{} packs, {}, were not read: they are in an archive of the store (cairn restore SNAPSHOT "
                      "--warm-up brings back what a snapshot needs)\n",
                      HumanCount(report.packs_archived), HumanBytes(report.bytes_archived)));
    }
    if (options.locker != nullptr) {
      cli.Say(fmt::format("extended the locks of {} of {} objects\n", HumanCount(report.locks_extended),
                          HumanCount(report.locks_looked_at)));
    }
    if (report.unused_packs > 0) {
      cli.Say(fmt::format("{} packs are in no index segment: {}\n", report.unused_packs,
                          report.damages > 0
                              ? "they may hold what is missed above; cairn repair index takes them in"
                              : "a backup is running, or was interrupted; cairn prune clears them away"));
    }
    if (report.taken_out_packs > 0) {
      cli.Say(fmt::format("{} packs that were taken out of the index are there: {}\n", report.taken_out_packs,
                          report.damages > 0 ? "they may hold what is missed above; cairn repair index takes those in "
                                               "again that are whole"
                                             : "cairn prune clears them away"));
    }
    if (report.unread > 0) {
      cli.Print(
          fmt::format("NOT CHECKED: {} findings of what could not be read (see \"unread\" above): whether that is "
                      "damaged is not known; check again when it can be read\n",
                      report.unread));
    }
    if (report.damages > 0) {
      Advise(cli, report);
    } else {
      cli.Say(report.unread > 0 ? "no damage found in what was read" : "no damage found");
      cli.Say(report.trees_followed
                  ? "\n"
                  : ", but what the snapshots need was not followed: a key of another role does that\n");
    }
  }

  // In the order in which it is to be done.
  static void Advise(Cli& cli, const CheckReport& report) {
    cli.Print(fmt::format("DAMAGE: {} findings\n", report.damages));
    if (report.missing_packs > 0) {
      cli.Print(
          fmt::format("{} packs are missing: is all of the repository mounted, and fully synchronised? What comes "
                      "back needs no repair\n",
                      report.missing_packs));
    }
    if (report.bad_openers > 0) {
      cli.Print(fmt::format(
          "{} of them are under config/ and keys/: put these objects back from a copy of the repository, "
          "for no repair makes them anew; whose password opens nothing any more gets another key by cairn key add\n",
          report.bad_openers));
      if (report.bad_openers == report.damages) return;
    }
    cli.Print(
        "in this order, each repair with -n first:\n"
        "  cairn repair index      where index segments are damaged or missing: nothing is lost by it\n");
    if (report.missing_packs > 0) {
      cli.Print("  cairn repair index --drop-missing  gives up the packs that will not come back\n");
    }
    cli.Print(
        "  cairn repair packs      saves what can be read of damaged packs, and gives up the rest of them\n"
        "  cairn backup            of the same data: stores anew what was given up and is still in the source\n"
        "  cairn repair snapshots  then: new snapshots without the files that are still lost\n");
    if (report.bad_records > 0) {
      cli.Print(
          "  cairn repair snapshots --forget  also moves what cannot be read under snapshots/, notes/, "
          "deleted/ and forgotten/ to trash/\n");
    }
    if (report.deleted > 0) {
      cli.Print("  cairn forget --deleted  gives up a forgotten snapshot that is hit: prune does not pass it by\n");
    }
    if (report.bad_sessions > 0) {
      cli.Print("  cairn prune             fences a session that cannot be read once it has been quiet, and goes on\n");
    }
  }
};

}  // namespace

void AddCheck(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<CheckCommand>();
  CLI::App* command = app.add_subcommand("check", "Is everything there, and is it what was written?");
  command->add_option("SNAPSHOT", options->snapshot, "Only what this snapshot needs");
  command->add_flag("--read-data", options->read_data, "Read every pack");
  command->add_flag("--extend-lock", options->extend_lock,
                    "Then make locks longer of which less than half is left (-o s3.object-lock)");
  command->add_option("--read-data-subset", options->subset, "Read a part n/t, a share p%, or some bytes")
      ->type_name("SUBSET")
      ->check(ValueOf([](const std::string& text) {
        CheckOptions parsed;
        return ParseSubset(text, &parsed);
      }));
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
