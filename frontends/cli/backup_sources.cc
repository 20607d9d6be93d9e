#include "frontends/cli/backup_sources.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "frontends/cli/option_values.h"
#include "frontends/cli/text.h"
#include "frontends/config/values.h"
#include "frontends/files/source_scan.h"
#include "frontends/postgres/description.h"
#include "frontends/sqlite/sqlite_source.h"
#include "frontends/stream/stream_source.h"
#include "repo-format/limits.h"
#include "repo-format/snapshot.h"

namespace cairn {

BackupSources::BackupSources(const ConfiguredItems& items, BackupPlaces places)
    : places_(std::move(places)),
      command_(items.command),
      paths_(items.paths),
      databases_(items.sqlite),
      sets_(items.sets),
      excludes_(items.excludes),
      exclude_files_(items.exclude_files),
      exclude_if_present_(items.exclude_if_present),
      stdin_filename_(items.stdin_filename),
      exclude_larger_than_(items.exclude_larger_than),
      lock_wait_(items.lock_wait_s),
      exclude_caches_(items.exclude_caches),
      one_file_system_(items.one_file_system) {
  postgres_.addresses = items.postgres;
  postgres_.databases = items.databases;
  postgres_.tables = items.tables;
  postgres_.excluded = items.excluded_tables;
  postgres_.order = items.order;
  postgres_.schema_only = items.schema_only;
  postgres_.data_only = items.data_only;
  postgres_.jobs = items.sessions;
}

void BackupSources::AddTo(CLI::App& command) {
  command.add_option("PATH", paths_, "Paths; or, behind --, the command of --from-command");
  command.add_option("-e,--exclude", excludes_, "Leave out what matches (gitignore syntax; repeatable)")
      ->type_name("PATTERN");
  command.add_option("--exclude-file", exclude_files_, "Patterns from a file (repeatable)")->type_name("FILE");
  command.add_option("--exclude-if-present", exclude_if_present_, "Leave out what is beside a file of this name")
      ->type_name("NAME");
  command.add_flag("--exclude-caches", exclude_caches_, "Leave out folders with a CACHEDIR.TAG");
  command.add_option("--exclude-larger-than", exclude_larger_than_, "Leave out larger files")
      ->type_name("SIZE")
      ->check(SizeValue());
  command.add_flag("-x,--one-file-system", one_file_system_, "Stay on the file systems of the paths");
  command
      .add_option("--sqlite", databases_,
                  "Back up a SQLite database as it is at one moment, while programs use it (repeatable)")
      ->type_name("FILE");
  command.add_option("--lock-wait", lock_wait_, "Seconds to wait for a database that another program has locked")
      ->type_name("SECONDS")
      ->capture_default_str();
  postgres_.AddTo(command);
  command.add_flag("--stdin", from_stdin_, "Back up standard input");
  command.add_option("--stdin-filename", stdin_filename_, "Name of the stream's file")->type_name("NAME");
  command.add_flag("--from-command", from_command_, "Back up what a command writes; it must end with status 0")
      ->excludes("--stdin");
  command
      .add_option("--set", sets_,
                  "One more item of the snapshot, by this name: a path, sqlite:FILE, or postgres:ADDRESS (repeatable)")
      ->type_name("NAME=WHAT")
      ->check(ValueOf(NamedSet::Parse));
}

Result<std::vector<std::unique_ptr<Source>>> BackupSources::Make(Cli& cli) const {
  ASSIGN_OR_RETURN(const std::vector<Wanted> all, All(cli));
  if (all.empty()) {
    return Error(ErrorCode::kInvalidArgument,
                 "nothing to back up: give paths, --sqlite FILE, --postgres ADDRESS, --stdin, --from-command -- "
                 "COMMAND, or --set "
                 "NAME=WHAT");
  }
  std::map<std::string, const Wanted*> by_name;
  for (const Wanted& one : all) {
    const std::string& name = all.size() == 1 ? one.name_alone : one.name;
    if (!IsItemName(name)) return std::move(BadItemName(name)).While(one.what + ": give it one with " + one.way_out);
    const auto [other, is_new] = by_name.emplace(name, &one);
    if (is_new) continue;
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} and {} would both be the item {} of the snapshot: give one of them another name with {}",
                     other->second->what, one.what, QuotedAddress(name), one.way_out);
  }
  std::vector<std::unique_ptr<Source>> sources;
  for (const Wanted& one : all) {
    ASSIGN_OR_RETURN(auto source, one.make(all.size() == 1 ? one.name_alone : one.name));
    sources.push_back(std::move(source));
  }
  return sources;
}

// A further kind of source is a function like those that are called here, and where it has a place in --set a line in
// Set and a word in kKinds.
Result<std::vector<BackupSources::Wanted>> BackupSources::All(Cli& cli) const {
  if (!stdin_filename_.empty() && !has_stream()) {
    return Error(ErrorCode::kInvalidArgument, "--stdin-filename names a stream: give --stdin or --from-command too");
  }
  std::vector<Wanted> all;
  const auto add = [&](Result<Wanted> one) -> Result<void> {
    RETURN_IF_ERROR(one);
    all.push_back(*std::move(one));
    return {};
  };
  if (has_paths()) RETURN_IF_ERROR(add(Files(cli, paths_)));
  if (has_stream()) RETURN_IF_ERROR(add(Stream(cli)));
  for (const std::string& file : databases_) RETURN_IF_ERROR(add(Database(cli, file)));
  for (const std::string& address : postgres_.addresses) {
    ASSIGN_OR_RETURN(auto databases, Server(cli, address));
    std::ranges::move(databases, std::back_inserter(all));
  }
  for (const std::string& text : sets_) {
    ASSIGN_OR_RETURN(const NamedSet set, NamedSet::Parse(text));
    RETURN_IF_ERROR(add(Set(cli, set)));
  }
  return all;
}

Result<BackupSources::Wanted> BackupSources::Set(Cli& cli, const NamedSet& set) const {
  if (set.kind == "postgres") {
    ASSIGN_OR_RETURN(std::vector<Wanted> databases, Server(cli, set.where));
    if (databases.size() != 1) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "the set {} is one database, and the address names {}: name one in it", QuotedAddress(set.name),
                       databases.size());
    }
    databases.front().name = databases.front().name_alone = set.name;
    return std::move(databases.front());
  }
  ASSIGN_OR_RETURN(Wanted wanted, set.kind == "sqlite" ? Database(cli, set.where) : Files(cli, {set.where}));
  wanted.name = wanted.name_alone = set.name;
  return wanted;
}

Result<BackupSources::Wanted> BackupSources::Files(Cli& cli, const std::vector<std::string>& paths) const {
  ASSIGN_OR_RETURN(auto options, FileOptions(cli, paths));
  std::string what = paths.size() == 1 ? "the path" : "the paths";
  for (const std::string& path : paths) what += " " + PathForPeople(AsBytes(path));
  return Wanted{"files", "files", what, "--set NAME=PATH",
                [options](std::string name) mutable -> Result<std::unique_ptr<Source>> {
                  options.item = std::move(name);
                  ASSIGN_OR_RETURN(auto source, FileSource::Make(options));
                  return std::unique_ptr<Source>(std::move(source));
                }};
}

Result<FileSourceOptions> BackupSources::FileOptions(Cli& cli, const std::vector<std::string>& paths) const {
  FileSourceOptions options;
  options.paths = paths;
  for (const std::string& pattern : excludes_) RETURN_IF_ERROR(options.excludes.Add(pattern));
  for (const std::string& file : exclude_files_) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) return ErrnoError(errno, "opening " + file);
    std::stringstream text;
    text << stream.rdbuf();
    RETURN_IF_ERROR(options.excludes.AddLines(text.str(), file));
  }
  options.exclude_if_present = exclude_if_present_;
  options.exclude_caches = exclude_caches_;
  options.one_file_system = one_file_system_;
  if (!exclude_larger_than_.empty()) {
    ASSIGN_OR_RETURN(options.exclude_larger_than, ParseBytes(exclude_larger_than_));
  }
  options.repository = places_ ? places_->repository : cli.RepositoryFolder();
  if (places_) options.other_repositories = places_->other_repositories;
  options.cache_root = places_ ? places_->cache_root : cli.CacheRoot();
  options.temporary_cache = [&cli] { return cli.TemporaryCache(); };  // made with the password, after this
  return options;
}

Result<BackupSources::Wanted> BackupSources::Stream(Cli& cli) const {
  StreamSourceOptions options;
  if (!stdin_filename_.empty()) options.filename = stdin_filename_;
  if (from_command_ || !command_.empty()) {
    if (command().empty()) {
      return Error(ErrorCode::kInvalidArgument,
                   "--from-command needs the command: cairn backup --from-command -- pg_dump db");
    }
    options.command = command();
  } else if (const int flags = ::fcntl(STDIN_FILENO, F_GETFL); flags < 0 || (flags & O_ACCMODE) == O_WRONLY) {
    return Error(ErrorCode::kInvalidArgument, "standard input is closed, or cannot be read: give --stdin a stream");
  }
  // Nothing else gives it another name, so that what has its name must give way.
  return Wanted{"stream", "stream", "the stream", "--set NAME=WHAT",
                [options, &cli](std::string name) mutable -> Result<std::unique_ptr<Source>> {
                  options.item = std::move(name);
                  ASSIGN_OR_RETURN(auto source, StreamSource::Make(options, SystemClock(), cli.stop()));
                  return std::unique_ptr<Source>(std::move(source));
                }};
}

Result<std::vector<BackupSources::Wanted>> BackupSources::Server(Cli& cli, const std::string& address) const {
  ASSIGN_OR_RETURN(const auto databases, postgres_.DatabasesOf(cli, address));
  std::vector<Wanted> all;
  for (const postgres::Address& one : databases) {
    const std::string name = postgres::FileNameOf(one.database());
    all.push_back({name, name, "the PostgreSQL database " + PathForPeople(AsBytes(one.database())),
                   "--set NAME=postgres:ADDRESS",
                   [this, one, &cli](std::string item) -> Result<std::unique_ptr<Source>> {
                     return postgres_.MakeSource(cli, one, std::move(item), lock_wait_);
                   }});
  }
  return all;
}

Result<BackupSources::Wanted> BackupSources::Database(Cli& cli, const std::string& file) const {
  SqliteSourceOptions options{.file = file, .item = "", .lock_patience_s = lock_wait_, .part = postgres_.SqlitePart()};
  // Where it is alone it has the name that its snapshots always had.
  return Wanted{std::filesystem::path(file).filename().native(), "sqlite",
                "the database " + PathForPeople(AsBytes(file)), "--set NAME=sqlite:FILE",
                [options, &cli](std::string name) mutable -> Result<std::unique_ptr<Source>> {
                  options.item = std::move(name);
                  ASSIGN_OR_RETURN(auto source, SqliteSource::Make(options, SystemClock(), cli.stop()));
                  return std::unique_ptr<Source>(std::move(source));
                }};
}

Result<std::unique_ptr<std::jthread>> BackupSources::StartScan(Cli& cli) const {
  if (has_stream()) return std::unique_ptr<std::jthread>();  // how long it is, nobody knows
  std::vector<FileSourceOptions> files;
  std::vector<std::string> databases = databases_;
  if (has_paths()) {
    ASSIGN_OR_RETURN(auto options, FileOptions(cli, paths_));
    files.push_back(std::move(options));
  }
  for (const std::string& text : sets_) {
    ASSIGN_OR_RETURN(const NamedSet set, NamedSet::Parse(text));
    if (set.kind == "sqlite") databases.push_back(set.where);
    if (!set.kind.empty()) continue;
    ASSIGN_OR_RETURN(auto options, FileOptions(cli, {set.where}));
    files.push_back(std::move(options));
  }
  if (files.empty()) return std::unique_ptr<std::jthread>();
  ScanTotals others;
  for (const std::string& file : databases) {
    std::error_code error;
    const uint64_t bytes = std::filesystem::file_size(file, error);
    ++others.items;
    others.bytes += error ? 0 : bytes;
  }
  return cairn::StartScan(std::move(files), others, cli.context().progress);
}

}  // namespace cairn
