#include "frontends/sqlite/live_database.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "frontends/sqlite/database.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

using sqlite::Connection;
using sqlite::ErrorOf;
using sqlite::Patience;

constexpr size_t kProblemsMax = 10;
constexpr int kPagesAtOnce = 256;

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

struct FinishBackup {
  void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
};

int NoteProblem(void* problems, int columns, char** values, char**) {
  if (columns > 0 && values[0] != nullptr) static_cast<std::vector<std::string>*>(problems)->emplace_back(values[0]);
  return 0;
}

int CountRow(void* count, int, char**, char**) {
  ++*static_cast<uint64_t*>(count);
  return 0;
}

Result<Connection> OpenToWrite(const std::string& path, bool make, Patience& patience) {
  sqlite3* connection = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE | (make ? SQLITE_OPEN_CREATE : 0);
  const int code = sqlite3_open_v2(path.c_str(), &connection, flags, nullptr);
  Connection owned(connection);
  if (connection == nullptr) return Error(ErrorCode::kIo, "SQLite has no memory for a connection");
  if (code != SQLITE_OK) return ErrorOf(code, connection, path, patience);
  patience.Install(connection);
  return owned;
}

}  // namespace

Result<LiveDatabase> LiveDatabase::Open(LiveDatabaseOptions options, const Clock& clock, std::stop_token stop) {
  std::error_code failure;
  options.file = std::filesystem::absolute(options.file, failure).lexically_normal().native();
  LiveDatabase database(std::move(options), clock, std::move(stop));
  const std::string& file = database.file();
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) return MakeError(ErrorCode::kInvalidArgument, "{} is no file", Shown(file));
    database.exists_ = true;
    return database;
  }
  if (errno != ENOENT) return ErrnoError(errno, "looking at " + Shown(file));
  for (const std::string_view journal : {"-wal", "-journal"}) {
    if (!std::filesystem::exists(file + std::string(journal), failure)) continue;
    return MakeError(ErrorCode::kAlreadyExists,
                     "{}{} is there without its database: SQLite would write it over what is restored: move it away",
                     Shown(file), journal);
  }
  return database;
}

Result<void> LiveDatabase::Replace(const std::string& whole) {
  auto written = WriteInto(whole);
  if (exists_) return written;
  if (written) written = TakeOwner(whole);
  if (!written) ::unlink(file().c_str());  // made by this, and by nobody else
  return written;
}

Result<void> LiveDatabase::TakeOwner(const std::string& whole) {
  struct stat status{};
  const bool is_done = ::stat(whole.c_str(), &status) == 0 &&
                       (::chown(file().c_str(), status.st_uid, status.st_gid) == 0 || ::geteuid() != 0) &&
                       ::chmod(file().c_str(), status.st_mode & 07777) == 0;
  if (!is_done) return ErrnoError(errno, "setting owner and mode of " + Shown(file()));
  return {};
}

// SQLite's backup the other way round.
Result<void> LiveDatabase::WriteInto(const std::string& whole) {
  Patience patience(*clock_, std::chrono::seconds(options_.lock_patience_s), stop_);
  ASSIGN_OR_RETURN(const Connection source, sqlite::OpenToRead(whole, patience));
  ASSIGN_OR_RETURN(const Connection target, OpenToWrite(file(), !exists_, patience));
  ASSIGN_OR_RETURN(const std::string mode, sqlite::Text(target.get(), "PRAGMA journal_mode", file(), patience));
  ASSIGN_OR_RETURN(const int64_t page_there, sqlite::Number(target.get(), "PRAGMA page_size", file(), patience));
  ASSIGN_OR_RETURN(const int64_t page_here, sqlite::Number(source.get(), "PRAGMA page_size", whole, patience));
  if (mode == "wal" && page_there != page_here) {
    return MakeError(ErrorCode::kBusy,
                     "{} has pages of {} bytes and is in WAL mode, where they cannot become {}: end the programs that "
                     "use it, and move the database away with its -wal and -shm",
                     Shown(file()), page_there, page_here);
  }
  std::unique_ptr<sqlite3_backup, FinishBackup> backup(sqlite3_backup_init(target.get(), "main", source.get(), "main"));
  if (backup == nullptr) return ErrorOf(sqlite3_errcode(target.get()), target.get(), file(), patience);
  const auto begun = clock_->Steady();
  for (;;) {
    if (stop_.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    const int code = sqlite3_backup_step(backup.get(), kPagesAtOnce);
    if (code == SQLITE_DONE) break;
    // A backup asks no busy handler for the lock of its target.
    const bool is_busy = (code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED;
    if (is_busy && clock_->Steady() - begun < patience.seconds()) {
      sqlite3_sleep(20);
    } else if (code != SQLITE_OK) {
      return ErrorOf(code, target.get(), file(), patience);
    }
  }
  const int code = sqlite3_backup_finish(backup.release());
  if (code != SQLITE_OK) return ErrorOf(code, target.get(), file(), patience);
  return {};
}

Result<DatabaseCheck> CheckDatabase(const std::string& file, const Clock& clock, std::stop_token stop) {
  Patience patience(clock, std::chrono::seconds(60), std::move(stop));
  ASSIGN_OR_RETURN(const Connection connection, sqlite::OpenToRead(file, patience));
  DatabaseCheck check;
  const std::string ask = fmt::format("PRAGMA integrity_check({})", kProblemsMax);
  int code = sqlite3_exec(connection.get(), ask.c_str(), NoteProblem, &check.problems, nullptr);
  if ((code & 0xff) == SQLITE_CORRUPT) check.problems.emplace_back(sqlite3_errmsg(connection.get()));
  if (code != SQLITE_OK && check.problems.empty()) return ErrorOf(code, connection.get(), file, patience);
  if (check.problems == std::vector<std::string>{"ok"}) check.problems.clear();
  if (!check.problems.empty()) return check;
  code = sqlite3_exec(connection.get(), "PRAGMA foreign_key_check", CountRow, &check.foreign_keys_broken, nullptr);
  // It wants tables of modules that this program does not have, and says nothing then.
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_ERROR) return ErrorOf(code, connection.get(), file, patience);
  return check;
}

}  // namespace cairn
