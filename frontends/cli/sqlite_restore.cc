#include "frontends/cli/sqlite_restore.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "engine/env/version.h"
#include "engine/jobs/backup.h"
#include "engine/jobs/restore.h"
#include "frontends/cli/exit_code.h"
#include "frontends/cli/origin.h"
#include "frontends/cli/text.h"
#include "frontends/files/file_sink.h"
#include "frontends/sqlite/live_database.h"
#include "frontends/sqlite/sqlite_source.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

// A folder beside the database, for nobody else's eyes, which goes with all that is in it.
class Stage {
 public:
  static Result<std::unique_ptr<Stage>> Make(const std::string& database) {
    std::string path = (std::filesystem::path(database).parent_path() / ".cairn-restore-XXXXXX").native();
    if (::mkdtemp(path.data()) == nullptr) return ErrnoError(errno, "making a folder beside " + Shown(database));
    return std::make_unique<Stage>(std::move(path));
  }
  explicit Stage(std::string path) : path_(std::move(path)) {}
  ~Stage() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  const std::string& path() const { return path_; }
  // The one file that an item of a database has.
  Result<std::string> File() const {
    std::error_code failure;
    for (const auto& entry : std::filesystem::directory_iterator(path_, failure)) {
      if (entry.is_regular_file()) return entry.path().native();
    }
    return MakeError(ErrorCode::kCorrupt, "the snapshot's item has no file");
  }

 private:
  const std::string path_;
};

Result<const SnapshotItem*> ChooseItem(const LoadedSnapshot& snapshot, const std::string& name) {
  std::vector<const SnapshotItem*> found;
  std::string names;
  for (const SnapshotItem& item : snapshot.inner.items) {
    if (item.kind != ItemKind::kSqlite) continue;
    names += (names.empty() ? "" : ", ") + item.name;
    if (name.empty() || item.name == name) found.push_back(&item);
  }
  if (found.size() == 1) return found.front();
  const std::string id = snapshot.id.Short();
  if (names.empty()) return MakeError(ErrorCode::kNotFound, "snapshot {} has no SQLite database", id);
  if (found.empty()) return MakeError(ErrorCode::kNotFound, "snapshot {} has no database {}: {}", id, name, names);
  return MakeError(ErrorCode::kInvalidArgument, "snapshot {} has several databases: choose by --item: {}", id, names);
}

class SqliteRestore {
 public:
  SqliteRestore(Cli& cli, Repository& repository, Index& index, const LoadedSnapshot& snapshot,
                const SqliteRestoreOptions& options)
      : cli_(cli), repository_(repository), index_(index), snapshot_(snapshot), options_(options) {}

  Result<int> Run() {
    const auto begun = SystemClock().Steady();
    ASSIGN_OR_RETURN(item_, ChooseItem(snapshot_, options_.item));
    ASSIGN_OR_RETURN(
        LiveDatabase live,
        LiveDatabase::Open({.file = options_.file, .lock_patience_s = options_.lock_wait}, SystemClock(), cli_.stop()));
    existed_ = live.exists();
    if (options_.dry_run) {
      ShowPlan(live);
      return kExitOk;
    }
    ASSIGN_OR_RETURN(const auto stage, Stage::Make(live.file()));
    RETURN_IF_ERROR(Fetch(*stage));
    ASSIGN_OR_RETURN(const std::string whole, stage->File());
    cli_.context().progress.SetPhase("checking the database");
    ASSIGN_OR_RETURN(check_, CheckDatabase(whole, SystemClock(), cli_.stop()));
    if (!check_.problems.empty()) {
      return MakeError(ErrorCode::kIo,
                       "the database was damaged already when it was backed up, so nothing was changed: {}",
                       check_.problems.front());
    }
    if (existed_ && !options_.no_safety) RETURN_IF_ERROR(KeepFormer(live));
    cli_.context().progress.SetPhase("writing the database");
    RETURN_IF_ERROR(live.Replace(whole).While("the database is as it was"));
    std::error_code ignored;
    bytes_ = std::filesystem::file_size(whole, ignored);
    Show(live, std::chrono::duration<double>(SystemClock().Steady() - begun).count());
    return kExitOk;
  }

 private:
  Result<void> Fetch(const Stage& stage) {
    ASSIGN_OR_RETURN(const auto sink, FileSink::Make({.target = stage.path()}));
    RestoreOptions options;
    options.item = item_->name;
    cli_.context().progress.SetPhase("restoring");
    ASSIGN_OR_RETURN(const RestoreReport report,
                     RunRestore(cli_.context(), repository_, index_, snapshot_, *sink, options, cli_.Findings()));
    if (report.failed == 0) return {};
    return Error(ErrorCode::kCorrupt, "the database could not be read whole from the repository; nothing was changed");
  }

  Result<void> KeepFormer(const LiveDatabase& live) {
    cli_.context().progress.SetPhase("keeping what is there");
    SqliteSourceOptions source_options{
        .file = live.file(),
        .item = PathForPeople(AsBytes(std::filesystem::path(live.file()).filename().native())),
        .lock_patience_s = options_.lock_wait};
    std::vector<std::unique_ptr<Source>> sources;
    ASSIGN_OR_RETURN(auto source, SqliteSource::Make(std::move(source_options), SystemClock(), cli_.stop()));
    sources.push_back(std::move(source));
    BackupOptions options;
    options.host = HostName();
    options.user = UserName();
    options.program = std::string(kProgram);
    options.snapshot_class = SnapshotClass::kSafety;
    options.description = fmt::format("before snapshot {} was restored into it", snapshot_.id.Short());
    auto report = RunBackup(cli_.context(), repository_, std::move(sources), options, cli_.Findings());
    RETURN_IF_ERROR(std::move(report).While(
        "nothing was changed, for what is there could not be kept (--no-safety-snapshot goes on without)"));
    safety_ = report->id;
    return {};
  }

  void ShowPlan(const LiveDatabase& live) const {
    if (cli_.json()) {
      cli_.PrintJson({{"message_type", "summary"},
                      {"dry_run", true},
                      {"id", snapshot_.id.ToHex()},
                      {"item", item_->name},
                      {"file", Shown(live.file())},
                      {"exists", existed_}});
      return;
    }
    cli_.Say(fmt::format("would restore {} of snapshot {} into {}: {}\n", item_->name, snapshot_.id.Short(),
                         Shown(live.file()),
                         !existed_            ? "a new database"
                         : options_.no_safety ? "its content is replaced, and not kept"
                                              : "its content is replaced, and kept in a safety snapshot before"));
  }

  void Show(const LiveDatabase& live, double seconds) const {
    if (cli_.json()) {
      cli_.PrintJson({{"message_type", "summary"},
                      {"dry_run", false},
                      {"id", snapshot_.id.ToHex()},
                      {"item", item_->name},
                      {"file", Shown(live.file())},
                      {"existed", existed_},
                      {"bytes", bytes_},
                      {"foreign_keys_broken", check_.foreign_keys_broken},
                      {"safety_snapshot", safety_ ? nlohmann::json(safety_->ToHex()) : nlohmann::json()},
                      {"seconds", seconds}});
      return;
    }
    cli_.Say(fmt::format("restored {} of snapshot {} into {}: {}, found whole by SQLite, in {:.1f} s\n", item_->name,
                         snapshot_.id.Short(), Shown(live.file()), HumanBytes(bytes_), seconds));
    if (check_.foreign_keys_broken > 0) {
      cli_.Say(fmt::format("{} rows refer to others that are not there, as when it was backed up\n",
                           HumanCount(check_.foreign_keys_broken)));
    }
    if (safety_) {
      cli_.Say(fmt::format("what was there is snapshot {}: cairn restore {} --sqlite {} puts it back\n",
                           safety_->Short(), safety_->Short(), Shown(live.file())));
    }
  }

  Cli& cli_;
  Repository& repository_;
  Index& index_;
  const LoadedSnapshot& snapshot_;
  const SqliteRestoreOptions& options_;
  const SnapshotItem* item_ = nullptr;
  bool existed_ = false;
  uint64_t bytes_ = 0;
  DatabaseCheck check_;
  std::optional<SnapshotId> safety_;
};

}  // namespace

Result<int> RestoreSqlite(Cli& cli, Repository& repository, Index& index, const LoadedSnapshot& snapshot,
                          const SqliteRestoreOptions& options) {
  return SqliteRestore(cli, repository, index, snapshot, options).Run();
}

}  // namespace cairn
