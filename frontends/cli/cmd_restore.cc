#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/env/run_both.h"
#include "engine/jobs/restore.h"
#include "frontends/cli/command.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/postgres_restore.h"
#include "frontends/cli/replacement.h"
#include "frontends/cli/restore_folder.h"
#include "frontends/cli/restore_sets.h"
#include "frontends/cli/sqlite_restore.h"
#include "frontends/cli/table_options.h"
#include "frontends/cli/text.h"
#include "frontends/cli/warm_up_run.h"
#include "frontends/files/exclude_rules.h"

namespace cairn {
namespace {

// What says how files are written, or how a server's database is replaced.
constexpr const char* kNotForSqlite[] = {"--include",   "--exclude", "--delete",     "--overwrite",    "--verify",
                                         "--no-sparse", "--as",      "--disconnect", "--session-wait", "--keep-hours",
                                         "--no-owner",  "--jobs",    "--clean-up",   "--in-place"};

// Of those, what says how a server's databases are replaced counts for sets too.
constexpr const char* kForSets[] = {"--disconnect", "--session-wait", "--keep-hours", "--no-owner", "--jobs"};

// What chooses tables of one database in use; of others it would be passed over.
constexpr const char* kOfTables[] = {"--table",       "--exclude-table", "--data-only",
                                     "--schema-only", "--key",           "--strategy"};

struct RestoreCommand {
  FilterOptions filter;
  ReplacementOptions replacement;
  TableOptions tables;
  PostgresRestore postgres;
  SqliteRestore sqlite;
  RestoreSets sets;
  WarmUpRun warm_up;
  std::string snapshot, target, overwrite = "always";
  std::vector<std::string> includes, excludes;
  bool remove_others = false, verify = false, dry_run = false, numeric_ids = false, no_sparse = false;
  ExcludeRules include_rules, exclude_rules;
  size_t base_length = 0;  // of PATH: what patterns with a slash inside are below

  Result<RestoreOptions> Options() {
    for (const std::string& pattern : includes) RETURN_IF_ERROR(include_rules.Add(pattern));
    for (const std::string& pattern : excludes) RETURN_IF_ERROR(exclude_rules.Add(pattern));
    RestoreOptions options;
    options.overwrite = overwrite == "never"        ? Overwrite::kNever
                        : overwrite == "if-newer"   ? Overwrite::kIfNewer
                        : overwrite == "if-changed" ? Overwrite::kIfChanged
                                                    : Overwrite::kAlways;
    options.remove_others = remove_others;
    options.verify = verify;
    options.dry_run = dry_run;
    if (includes.empty() && excludes.empty()) return options;
    options.take = [this](const TreePath& path, const Node& node) { return Takes(path, node); };
    options.descend = [this](const TreePath& path) { return !Excluded(path, true); };
    return options;
  }

  bool Excluded(const TreePath& path, bool is_folder) const {
    return !exclude_rules.empty() && exclude_rules.Excludes(path, BaseOf(path), is_folder);
  }

  // A PATH that is a file has its folder as base.
  size_t BaseOf(const TreePath& path) const {
    if (path.size() > base_length) return base_length;
    size_t end = path.size();
    while (end > 0 && path[end - 1] != '/') --end;
    return end > 0 ? end - 1 : 0;
  }

  // An include takes a path, and all that is below a folder that it matches.
  bool Takes(const TreePath& path, const Node& node) const {
    const bool is_folder = node.type == NodeType::kFolder;
    if (Excluded(path, is_folder)) return false;
    if (include_rules.empty()) return true;
    if (include_rules.Excludes(path, BaseOf(path), is_folder)) return true;
    for (size_t end = base_length + 1; end < path.size(); ++end) {
      if (path[end] == '/' && include_rules.Excludes(ByteSpan(path).first(end), base_length, true)) return true;
    }
    return false;
  }

  Result<int> Run(Cli& cli) {
    auto code = Restore(cli);
    auto after = replacement.hooks->After(cli, code && *code == kExitOk && !cli.was_in_doubt());
    if (code && *code == kExitOk && !after) {
      return MakeError(after.error().code(), "{} (the restore itself went well)", after.error().message());
    }
    if (!after) cli.context().log.Warning("{}", after.error().message());
    return code;
  }

  Result<int> Restore(Cli& cli) {
    postgres.replacement = sqlite.replacement = replacement;
    static_cast<TableOptions&>(postgres) = static_cast<TableOptions&>(sqlite) = tables;
    RETURN_IF_ERROR(RefuseMixture());
    const SnapshotPath wanted = SnapshotPath::Parse(snapshot);
    ASSIGN_OR_RETURN(RestoreOptions options, Options());
    options.path = ToBytes(AsBytes(wanted.path));
    base_length = wanted.path.size();
    if (warm_up.is_asked_for) {
      ASSIGN_OR_RETURN(const bool is_warm, warm_up.Run(cli, wanted.snapshot, filter.Filter(), options, dry_run));
      if (dry_run) return kExitOk;
      if (!is_warm || places() == 0) return is_warm ? kExitOk : kExitIncomplete;
    }
    if (sets.is_asked_for()) return sets.Run(cli, {snapshot, filter.Filter(), dry_run, numeric_ids}, postgres);
    if (postgres.is_asked_for()) return postgres.Run(cli, snapshot, filter.Filter(), dry_run);
    if (sqlite.is_asked_for()) return sqlite.Run(cli, {snapshot, filter.Filter(), dry_run, numeric_ids});
    ASSIGN_OR_RETURN(Repository * repository, cli.OpenToRead(ReaderListing::kBoth));
    RETURN_IF_ERROR(RefuseInsideRepository(cli, target));
    const FindingSink findings = cli.Findings();
    const auto load_index = [&] {
      return repository->LoadIndex(cli.context(), [&](const SegmentId& id, const Error& error) {
        findings({SeverityOf(error), error.code(), SegmentName(id).text(), error.message()});
      });
    };
    auto [of_index, of_set] = RunBoth(repository->store().is_far(), load_index, [&] { return cli.Snapshots(); });
    ASSIGN_OR_RETURN(const SnapshotSet set, std::move(of_set));
    const auto in_doubt = remove_others && !dry_run ? Cli::InDoubt::kRefuse : Cli::InDoubt::kTell;
    ASSIGN_OR_RETURN(const LoadedSnapshot* one, cli.Resolve(set, wanted.snapshot, filter.Filter(), in_doubt));
    ASSIGN_OR_RETURN(const auto index, std::move(of_index));
    FileSinkOptions where{.target = target, .read_only = dry_run, .numeric_ids = numeric_ids, .sparse = !no_sparse};
    ASSIGN_OR_RETURN(const auto sink, OpenRestoreFolder(cli, std::move(where), options));
    if (wanted.path.empty()) {
      cli.context().progress.items_total = one->inner.totals.files + one->inner.totals.others;
      cli.context().progress.bytes_total = one->inner.totals.bytes;
    }
    cli.context().progress.SetPhase(dry_run ? "looking" : "restoring");
    if (!dry_run) RETURN_IF_ERROR(replacement.hooks->Before(cli));
    auto progress = cli.ShowProgress();
    auto report = RunRestore(cli.context(), *repository, *index, *one, *sink, options, findings);
    progress.reset();
    if (!report && report.error().code() == ErrorCode::kArchived) {
      return WithWhatIsArchived(std::move(report).error(), cli, *repository, *index, *one, options);
    }
    RETURN_IF_ERROR(report);
    Show(cli, *one, *report);
    return report->failed > 0 ? kExitIncomplete : kExitOk;
  }

  // Where to: what was given of that.
  int places() const {
    return (target.empty() ? 0 : 1) + (postgres.is_asked_for() ? 1 : 0) + (sqlite.is_asked_for() ? 1 : 0) +
           (sets.is_asked_for() ? 1 : 0);
  }

  Result<void> RefuseMixture() const {
    const auto refuse = [](const char* why) -> Result<void> { return Error(ErrorCode::kInvalidArgument, why); };
    if (warm_up.is_asked_for && snapshot.empty()) return refuse("--warm-up of what? Give SNAPSHOT[:PATH], or latest");
    if (!warm_up.is_asked_for && !warm_up.wait.empty()) return refuse("--wait goes with --warm-up");
    if (!replacement.after_sql.empty() && (!target.empty() || !replacement.undo.empty() || postgres.clean_up)) {
      return refuse("--after-sql is for a database that is restored: --postgres, --sqlite, or --set");
    }
    if (!replacement.after_sql.empty() && tables.is_of_tables()) {
      return refuse("--after-sql is for a database that is restored whole");
    }
    if (places() > 1) return refuse("give one of --target, --postgres, --sqlite and --set");
    if (sqlite.is_asked_for() || sets.is_asked_for()) {
      if (replacement.undo.empty() == snapshot.empty()) {
        return refuse("what to restore? Give SNAPSHOT[:ITEM], or latest; or --undo RUN alone");
      }
      return {};
    }
    if (!postgres.is_asked_for()) {
      if (!replacement.undo.empty()) {
        return refuse("--undo needs what was replaced: --postgres ADDRESS, --sqlite FILE, or --set NAME=WHERE");
      }
      if (postgres.clean_up) return refuse("--clean-up needs the server: --postgres ADDRESS");
      if (snapshot.empty()) return refuse("what to restore? Give SNAPSHOT[:PATH], or latest");
      if (target.empty() && !warm_up.is_asked_for)
        return refuse("where to? Give --target DIR, --postgres ADDRESS, --sqlite FILE, or --set NAME=WHERE");
      return {};
    }
    if (postgres.needs_snapshot() && snapshot.empty()) return refuse("what to restore? Give SNAPSHOT, or latest");
    if (!includes.empty() || !excludes.empty() || remove_others) {
      return refuse("--include, --exclude and --delete are for files, not for a database");
    }
    return {};
  }

  void Show(Cli& cli, const LoadedSnapshot& one, const RestoreReport& report) const {
    if (cli.json()) {
      cli.PrintJson({{"message_type", "summary"},
                     {"id", one.id.ToHex()},
                     {"dry_run", dry_run},
                     {"files", report.files},
                     {"folders", report.folders},
                     {"others", report.others},
                     {"files_skipped", report.files_skipped},
                     {"bytes", report.bytes},
                     {"bytes_written", report.bytes_written},
                     {"bytes_fetched", report.bytes_fetched},
                     {"removed", report.removed},
                     {"failed", report.failed},
                     {"verified", report.verified}});
      return;
    }
    cli.Say(fmt::format("{} snapshot {}: {} files, {} folders, {} others, {}{}{}{}{}\n",
                        dry_run ? "would restore" : "restored", one.id.Short(), HumanCount(report.files),
                        HumanCount(report.folders), HumanCount(report.others), HumanBytes(report.bytes),
                        dry_run ? "" : fmt::format("; {} written", HumanBytes(report.bytes_written)),
                        report.files_skipped > 0 ? fmt::format("; {} left as they were", report.files_skipped) : "",
                        report.removed > 0 ? fmt::format("; {} removed", report.removed) : "",
                        report.verified > 0 ? fmt::format("; {} read back and right", report.verified) : ""));
    if (report.failed > 0)
      cli.Say(fmt::format("{} could not be restored whole; they are named above\n", report.failed));
  }
};

}  // namespace

void AddRestore(CLI::App& app, Cli& cli, Action& action) {
  auto options = std::make_shared<RestoreCommand>();
  CLI::App* command = app.add_subcommand("restore", "Give a snapshot back, or a part of it");
  command->add_option("SNAPSHOT[:PATH]", options->snapshot,
                      "Its absolute paths go below the target; of PATH, what is in it");
  command->add_option("-t,--target", options->target, "Where to")->type_name("DIR");
  command->add_option("-i,--include", options->includes, "Only what matches (gitignore syntax; repeatable)")
      ->type_name("PATTERN");
  command->add_option("-e,--exclude", options->excludes, "Not what matches (gitignore syntax; repeatable)")
      ->type_name("PATTERN");
  command->add_flag(
      "--delete", options->remove_others,
      "Remove what is in the target's folders and not in the snapshot's, but for what the backup left out");
  command
      ->add_option("--overwrite", options->overwrite,
                   "Replace files that are there: always, if-changed, if-newer, never")
      ->check(CLI::IsMember({"always", "if-changed", "if-newer", "never"}))
      ->capture_default_str();
  command->add_flag("--verify", options->verify, "Read every restored file back");
  command->add_flag("--numeric-ids", options->numeric_ids, "Owners by number, whatever their names");
  command->add_flag("--no-sparse", options->no_sparse, "Write holes as zeros");
  command->add_flag("-n,--dry-run", options->dry_run, "Only say what would be done");
  options->warm_up.AddTo(*command);
  options->postgres.AddTo(*command);
  const size_t before = command->get_options().size();
  options->sqlite.AddTo(*command);
  options->sets.AddTo(*command);
  options->tables.AddTo(*command);
  options->replacement.AddTo(*command);
  GroupOptions(*command, before, "Into what is in use");
  options->filter.AddTo(*command);
  command->callback([&cli, &action, options, command] {
    for (const char* name : kNotForSqlite) {
      if (command->count(name) == 0) continue;
      if (options->sqlite.is_asked_for()) throw CLI::ExcludesError("--sqlite", name);
      const bool is_for_sets = std::ranges::find(kForSets, std::string_view(name)) != std::end(kForSets);
      if (options->sets.is_asked_for() && !is_for_sets) throw CLI::ExcludesError("--set", name);
    }
    for (const char* name : kOfTables) {
      if (command->count(name) == 0) continue;
      if (options->sets.is_asked_for()) throw CLI::ExcludesError("--set", name);
      if (!options->target.empty()) throw CLI::ExcludesError("--target", name);
    }
    action = [&cli, options] { return options->Run(cli); };
  });
}

}  // namespace cairn
