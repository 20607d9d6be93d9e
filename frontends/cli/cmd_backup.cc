#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "engine/env/version.h"
#include "engine/jobs/backup.h"
#include "frontends/cli/command.h"
#include "frontends/cli/compression_option.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/option_values.h"
#include "frontends/cli/origin.h"
#include "frontends/cli/postgres_options.h"
#include "frontends/cli/text.h"
#include "frontends/files/file_source.h"
#include "frontends/files/source_scan.h"
#include "frontends/sqlite/sqlite_source.h"
#include "frontends/stream/stream_source.h"

namespace cairn {
namespace {

struct BackupCommand {
  std::vector<std::string> paths, databases, tags, excludes, exclude_files, exclude_if_present;
  std::string host, time, description, parent, compression = "default", stdin_filename, exclude_larger_than;
  uint32_t lock_wait = 60;
  bool force = false, dry_run = false, exclude_caches = false, one_file_system = false;
  bool from_stdin = false, from_command = false;

  PostgresOptions postgres;

  bool has_files() const {
    return !from_stdin && !from_command && (!paths.empty() || (databases.empty() && postgres.addresses.empty()));
  }

  Result<std::vector<std::unique_ptr<Source>>> MakeSources(Cli& cli) const {
    if (databases.size() + (postgres.addresses.empty() ? 0 : 1) + (has_files() || from_stdin || from_command ? 1 : 0) >
        1) {
      return Error(ErrorCode::kInvalidArgument,
                   "a snapshot holds paths, a stream, or one database: run cairn backup for each");
    }
    std::vector<std::unique_ptr<Source>> sources;
    if (has_files()) {
      ASSIGN_OR_RETURN(auto options, FileOptions(cli));
      ASSIGN_OR_RETURN(auto source, FileSource::Make(std::move(options)));
      sources.push_back(std::move(source));
    }
    if (from_stdin || from_command) {
      ASSIGN_OR_RETURN(auto source, MakeStream(cli));
      sources.push_back(std::move(source));
    }
    for (const std::string& database : databases) {
      SqliteSourceOptions options{.file = database, .item = "sqlite", .lock_patience_s = lock_wait};
      ASSIGN_OR_RETURN(auto source, SqliteSource::Make(std::move(options), SystemClock(), cli.stop()));
      sources.push_back(std::move(source));
    }
    ASSIGN_OR_RETURN(auto of_servers, postgres.MakeSources(cli, lock_wait));
    std::ranges::move(of_servers, std::back_inserter(sources));
    return sources;
  }

  Result<FileSourceOptions> FileOptions(Cli& cli) const {
    if (!stdin_filename.empty()) {
      return Error(ErrorCode::kInvalidArgument, "--stdin-filename names a stream: give --stdin or --from-command too");
    }
    if (paths.empty()) {
      return Error(
          ErrorCode::kInvalidArgument,
          "nothing to back up: give paths, --sqlite FILE, --postgres ADDRESS, --stdin, or --from-command -- COMMAND");
    }
    FileSourceOptions options;
    options.paths = paths;
    for (const std::string& pattern : excludes) RETURN_IF_ERROR(options.excludes.Add(pattern));
    for (const std::string& file : exclude_files) {
      std::ifstream stream(file, std::ios::binary);
      if (!stream) return ErrnoError(errno, "opening " + file);
      std::stringstream text;
      text << stream.rdbuf();
      RETURN_IF_ERROR(options.excludes.AddLines(text.str(), file));
    }
    options.exclude_if_present = exclude_if_present;
    options.exclude_caches = exclude_caches;
    options.one_file_system = one_file_system;
    if (!exclude_larger_than.empty()) {
      ASSIGN_OR_RETURN(options.exclude_larger_than, ParseBytes(exclude_larger_than));
    }
    options.repository = cli.RepositoryFolder();
    options.cache_root = cli.CacheRoot();
    options.temporary_cache = [&cli] { return cli.TemporaryCache(); };  // made with the password, after this
    return options;
  }

  Result<std::unique_ptr<Source>> MakeStream(Cli& cli) const {
    StreamSourceOptions options;
    if (!stdin_filename.empty()) options.filename = stdin_filename;
    if (from_command) {
      if (paths.empty()) {
        return Error(ErrorCode::kInvalidArgument,
                     "--from-command needs the command: cairn backup --from-command -- pg_dump db");
      }
      options.command = paths;
    } else if (!paths.empty()) {
      return Error(ErrorCode::kInvalidArgument, "give paths or --stdin, not both");
    } else if (const int flags = ::fcntl(STDIN_FILENO, F_GETFL); flags < 0 || (flags & O_ACCMODE) == O_WRONLY) {
      return Error(ErrorCode::kInvalidArgument, "standard input is closed, or cannot be read: give --stdin a stream");
    }
    ASSIGN_OR_RETURN(auto source, StreamSource::Make(std::move(options), SystemClock(), cli.stop()));
    return std::unique_ptr<Source>(std::move(source));
  }

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
    ASSIGN_OR_RETURN(auto sources, MakeSources(cli));
    ASSIGN_OR_RETURN(Repository * repository, cli.Open());
    ASSIGN_OR_RETURN(const BackupOptions options, Options(cli));
    const auto start = SystemClock().Steady();
    auto progress = cli.ShowProgress();
    std::unique_ptr<std::jthread> scan;
    if (progress != nullptr && has_files()) {
      ASSIGN_OR_RETURN(auto scanned, FileOptions(cli));
      scan = StartScan(std::move(scanned), cli.context().progress);
    }
    auto report = RunBackup(cli.context(), *repository, std::move(sources), options, cli.Findings());
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
  CLI::App* command = app.add_subcommand("backup", "Back up folders, files, a stream, or what a command writes");
  command->add_option("PATH", options->paths, "Paths; or, behind --, the command of --from-command");
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
  command->add_option("-e,--exclude", options->excludes, "Leave out what matches (gitignore syntax; repeatable)")
      ->type_name("PATTERN");
  command->add_option("--exclude-file", options->exclude_files, "Patterns from a file (repeatable)")->type_name("FILE");
  command
      ->add_option("--exclude-if-present", options->exclude_if_present, "Leave out what is beside a file of this name")
      ->type_name("NAME");
  command->add_flag("--exclude-caches", options->exclude_caches, "Leave out folders with a CACHEDIR.TAG");
  command->add_option("--exclude-larger-than", options->exclude_larger_than, "Leave out larger files")
      ->type_name("SIZE")
      ->check(SizeValue());
  command->add_flag("-x,--one-file-system", options->one_file_system, "Stay on the file systems of the paths");
  command
      ->add_option("--sqlite", options->databases,
                   "Back up a SQLite database as it is at one moment, while programs use it")
      ->type_name("FILE");
  command
      ->add_option("--lock-wait", options->lock_wait, "Seconds to wait for a database that another program has locked")
      ->type_name("SECONDS")
      ->capture_default_str();
  options->postgres.AddTo(*command);
  command->add_flag("--stdin", options->from_stdin, "Back up standard input");
  command->add_option("--stdin-filename", options->stdin_filename, "Name of the stream's file")->type_name("NAME");
  command->add_flag("--from-command", options->from_command, "Back up what a command writes; it must end with status 0")
      ->excludes("--stdin");
  command->add_option("--compression", options->compression, "0 to 19, off, fast, default, better, max")
      ->capture_default_str()
      ->check(ValueOf(ParseCompression));
  command->add_flag("-n,--dry-run", options->dry_run, "Only say what would be done");
  command->callback([&cli, &action, options] { action = [&cli, options] { return options->Run(cli); }; });
}

}  // namespace cairn
