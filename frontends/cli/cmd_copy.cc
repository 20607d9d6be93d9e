#include <nlohmann/json.hpp>

#include "engine/jobs/copy.h"
#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/text.h"
#include "frontends/config/compression_option.h"

namespace cairn {
namespace {

struct CopyCommand {
  FilterOptions filter;
  std::vector<std::string> names;
  std::string to, to_password_file, compression = "default";
  bool dry_run = false;

  Result<int> Run(Cli& cli) {
    ASSIGN_OR_RETURN(Repository * source, cli.Open());
    ASSIGN_OR_RETURN(const RepositoryChoice choice,
                     cli.Choose(to, {to_password_file, "", "CAIRN_TO_PASSWORD", to, "--to-password-file", ""}));
    ASSIGN_OR_RETURN(const auto store, cli.OpenOtherStore(choice));
    ASSIGN_OR_RETURN(const auto target, cli.OpenAt(*store, choice));
    ASSIGN_OR_RETURN(const SnapshotSet set, cli.Snapshots());
    CopyOptions options;
    options.dry_run = dry_run;
    ASSIGN_OR_RETURN(options.compression, ParseCompression(compression));
    const SnapshotFilter keep = filter.Filter();
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, name, keep));
      options.snapshots.push_back(one->id);
    }
    for (const LoadedSnapshot& snapshot : set.snapshots) {
      if (names.empty() && (!keep || keep(snapshot))) options.snapshots.push_back(snapshot.id);
    }
    auto progress = cli.ShowProgress();
    auto report = RunCopy(cli.context(), *source, *target, options, cli.Findings());
    progress.reset();
    RETURN_IF_ERROR(report);
    uint64_t copied = 0, incomplete = 0;
    for (const CopyReport::One& one : report->snapshots) {
      copied += one.was_there ? 0 : 1;
      incomplete += one.is_incomplete ? 1 : 0;
      if (cli.json()) {
        cli.PrintJson({{"message_type", "snapshot"},
                       {"source", one.source.ToHex()},
                       {"id", one.target.ToHex()},
                       {"was_there", one.was_there},
                       {"blobs_absent", one.blobs_absent},
                       {"is_incomplete", one.is_incomplete}});
      } else {
        cli.Say(one.was_there ? WasThere(one)
                : dry_run     ? fmt::format("snapshot {} would be copied\n", one.source.Short())
                              : fmt::format("snapshot {} is now {}\n", one.source.Short(), one.target.Short()));
      }
    }
    if (cli.json()) {
      cli.PrintJson({{"message_type", "summary"},
                     {"dry_run", dry_run},
                     {"snapshots_copied", copied},
                     {"snapshots_incomplete", incomplete},
                     {"blobs_copied", report->blobs_copied},
                     {"bytes_copied", report->bytes_copied},
                     {"frames_verbatim", report->frames_verbatim},
                     {"files_unchanged", report->files_unchanged}});
    } else {
      // How much that would be is known only once it is looked for, which a dry run does not.
      cli.Say(dry_run ? fmt::format("{} snapshots would be copied\n", copied)
                      : fmt::format("{} snapshots copied, {} blobs, {}{}\n", copied, HumanCount(report->blobs_copied),
                                    HumanBytes(report->bytes_copied),
                                    report->frames_verbatim > 0 ? ", as they were sealed" : ""));
    }
    return incomplete > 0 ? kExitIncomplete : kExitOk;
  }

  std::string WasThere(const CopyReport::One& one) const {
    std::string text = fmt::format("snapshot {} was there as {}", one.source.Short(), one.target.Short());
    if (one.blobs_absent > 0) {
      text += fmt::format("; {} blobs that it needs {}", HumanCount(one.blobs_absent),
                          dry_run             ? "are not there, and would be sent"
                          : one.is_incomplete ? "were not there: see above"
                                              : "were not there, and were sent");
    }
    return text + "\n";
  }
};

}  // namespace

void AddCopy(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<CopyCommand>();
  CLI::App* command = app.add_subcommand("copy", "Copy snapshots into another repository");
  command->add_option("SNAPSHOT", options->names, "Only these (all where none is named)");
  command->add_option("--to", options->to, "The other repository")->required()->type_name("REPOSITORY");
  command->add_option("--to-password-file", options->to_password_file, "Its password (or CAIRN_TO_PASSWORD)")
      ->type_name("FILE");
  command->add_option("--compression", options->compression, "0 to 19, off, fast, default, better, max")
      ->capture_default_str()
      ->check(ValueOf(ParseCompression));
  command->add_flag("-n,--dry-run", options->dry_run, "Only say what would be done");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
