#include "frontends/sqlite/database.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <filesystem>

#include "repo-format/tree_path.h"

namespace cairn::sqlite {
namespace {

constexpr int kPauseMs = 20;

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

// Of a path, as a part of a URI.
std::string Escaped(const std::string& path) {
  std::string text;
  for (const char c : path) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                          c == '.' || c == '-' || c == '_';
    text += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return text;
}

bool IsOnReadOnlyFileSystem(const std::string& path) {
  struct statvfs system{};
  return ::statvfs(path.c_str(), &system) == 0 && (system.f_flag & ST_RDONLY) != 0;
}

Result<Connection> Connect(const std::string& name, int flags, const std::string& path, Patience& patience) {
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &connection, flags | SQLITE_OPEN_EXRESCODE, nullptr);
  Connection owned(connection);
  if (connection == nullptr) return Error(ErrorCode::kIo, "SQLite has no memory for a connection");
  if (code != SQLITE_OK) return ErrorOf(code, connection, path, patience);
  patience.Install(connection);
  return owned;
}

Result<Statement> FirstRow(sqlite3* connection, const char* query, const std::string& path, const Patience& patience) {
  sqlite3_stmt* prepared = nullptr;
  int code = sqlite3_prepare_v2(connection, query, -1, &prepared, nullptr);
  Statement statement(prepared);
  if (code == SQLITE_OK) code = sqlite3_step(prepared);
  if (code == SQLITE_ROW) return statement;
  if (code == SQLITE_DONE) return MakeError(ErrorCode::kIo, "{}: \"{}\" gives no row", Shown(path), query);
  return ErrorOf(code, connection, path, patience);
}

}  // namespace

void Patience::Install(sqlite3* connection) { sqlite3_busy_handler(connection, &Patience::Wait, this); }

int Patience::Wait(void* self, int count) {
  auto& patience = *static_cast<Patience*>(self);
  if (count == 0) patience.since_ = patience.clock_.Steady();
  if (patience.stop_.stop_requested()) return 0;
  if (patience.clock_.Steady() - patience.since_ >= patience.patience_) return 0;
  sqlite3_sleep(kPauseMs);
  return 1;
}

Error ErrorOf(int code, sqlite3* connection, const std::string& path, const Patience& patience) {
  const std::string shown = Shown(path);
  const std::string said = connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      if (patience.is_stopped()) return Error(ErrorCode::kInterrupted, "interrupted");
      return MakeError(ErrorCode::kBusy, "{}: another program has had it locked for {} s: {}", shown,
                       patience.seconds().count(), said);
    case SQLITE_INTERRUPT:
      return Error(ErrorCode::kInterrupted, "interrupted");
    case SQLITE_NOTADB:
      return MakeError(ErrorCode::kUnsupported,
                       "{}: it is no SQLite database, or it is encrypted: back up such a file as a file, while no "
                       "program writes to it",
                       shown);
    case SQLITE_FULL:
      return MakeError(ErrorCode::kNoSpace, "{}: {}", shown, said);
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return MakeError(ErrorCode::kPermission,
                       "{}: {}: a program that crashed left it to be recovered, or its folder may not be written to, "
                       "as its readers must: run this as its owner",
                       shown, said);
    case SQLITE_CANTOPEN:
      return MakeError(ErrorCode::kPermission, "{}: {}: this user may not open it, or may not write in its folder",
                       shown, said);
    default:
      return MakeError(ErrorCode::kIo, "{}: {} (SQLite says {})", shown, said, code);
  }
}

Result<Connection> OpenToRead(const std::string& path, Patience& patience) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return ErrnoError(errno, "looking at " + Shown(path));
  if (!S_ISREG(status.st_mode)) return MakeError(ErrorCode::kInvalidArgument, "{} is no file", Shown(path));
  std::error_code ignored;
  const bool had_log = std::filesystem::exists(path + "-wal", ignored);
  if (!had_log && IsOnReadOnlyFileSystem(path)) {
    return Connect("file:" + Escaped(path) + "?immutable=1", SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, path, patience);
  }
  // Not for reading only: such a connection leaves behind the files that it had to make.
  ASSIGN_OR_RETURN(Connection connection, Connect(path, SQLITE_OPEN_READWRITE, path, patience));
  // The log of others is theirs; that of a database which nobody had open is empty, and goes again.
  sqlite3_db_config(connection.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, had_log ? 1 : 0, nullptr);
  RETURN_IF_ERROR(Run(connection.get(), "PRAGMA query_only = ON", path, patience));
  return connection;
}

Result<void> Run(sqlite3* connection, const char* statement, const std::string& path, const Patience& patience) {
  const int code = sqlite3_exec(connection, statement, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return ErrorOf(code, connection, path, patience);
  return {};
}

Result<int64_t> Number(sqlite3* connection, const char* query, const std::string& path, const Patience& patience) {
  ASSIGN_OR_RETURN(const Statement row, FirstRow(connection, query, path, patience));
  return sqlite3_column_int64(row.get(), 0);
}

Result<std::string> Text(sqlite3* connection, const char* query, const std::string& path, const Patience& patience) {
  ASSIGN_OR_RETURN(const Statement row, FirstRow(connection, query, path, patience));
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(row.get(), 0));
  return std::string(text != nullptr ? text : "");
}

}  // namespace cairn::sqlite
