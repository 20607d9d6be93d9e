#include "frontends/sqlite/database.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "repo-format/tree_path.h"

namespace cairn::sqlite {
namespace {

constexpr int kPauseMs = 20;

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

std::string Shown(const std::string& path) { return PathForPeople(AsBytes(path)); }

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
  // Some calls give a code, and leave the connection's message as it was.
  const bool is_told = connection != nullptr && sqlite3_extended_errcode(connection) == code;
  const std::string said = is_told ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      if (patience.is_stopped()) return Error(ErrorCode::kInterrupted, "interrupted");
      return MakeError(ErrorCode::kBusy, "{}: another program has had it locked for {} s: {}", shown,
                       patience.seconds().count(), said);
    case SQLITE_INTERRUPT:
      return Error(ErrorCode::kInterrupted, "interrupted");
    case SQLITE_NOTADB:
      return MakeError(ErrorCode::kInvalidArgument,
                       "{}: it is no SQLite database, or it is encrypted: back up such a file as a file, while no "
                       "program writes to it",
                       shown);
    case SQLITE_FULL:
      return MakeError(ErrorCode::kNoSpace, "{}: {}", shown, said);
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return MakeError(
          ErrorCode::kPermission,
          "{}: {}: a program that crashed has left it half written, so that it has to be recovered, or its "
          "folder may not be written to, as its readers must: run this as its owner, where it is writable",
          shown, said);
    case SQLITE_CANTOPEN:
      return MakeError(ErrorCode::kPermission,
                       "{}: {}: this user may not open it, or may not write in its folder, or its path is longer than "
                       "SQLite takes",
                       shown, said);
    default:
      return MakeError(ErrorCode::kIo, "{}: {} (SQLite says {})", shown, said, code);
  }
}

Result<std::string> RealPath(const std::string& path) {
  std::error_code failure;
  const std::filesystem::path real = std::filesystem::canonical(path, failure);
  if (failure) return ErrnoError(failure.value(), "looking at " + Shown(path));
  if (!std::filesystem::is_regular_file(real, failure)) {
    return MakeError(ErrorCode::kInvalidArgument, "{} is no file, and so no SQLite database", Shown(path));
  }
  return real.native();
}

std::optional<Header> ReadHeader(const std::string& path) {
  std::array<char, 20> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), bytes.size());
  if (!file || std::memcmp(bytes.data(), "SQLite format 3", 16) != 0) return std::nullopt;
  const uint32_t page_bytes = static_cast<uint8_t>(bytes[16]) << 8 | static_cast<uint8_t>(bytes[17]);
  return Header{page_bytes == 1 ? 65'536 : page_bytes, bytes[19] == 2};
}

Result<Connection> OpenToRead(const std::string& path, Patience& patience) {
  const auto header = ReadHeader(path);
  std::error_code ignored;
  const bool has_files =
      std::filesystem::exists(path + "-wal", ignored) && std::filesystem::exists(path + "-shm", ignored);
  ASSIGN_OR_RETURN(Connection connection, Connect(path, SQLITE_OPEN_READWRITE, path, patience));
  // SQLite goes on for reading only where the file may not be written; and makes, and leaves, the log's files all the
  // same, as this user's.
  const bool may_write = sqlite3_db_readonly(connection.get(), "main") == 0;
  if (header && header->has_log && !may_write && !has_files) {
    return MakeError(
        ErrorCode::kPermission,
        "{}: it is in WAL mode and nobody has it open, so who reads it has to write beside it: run this as "
        "its owner, or give the path at which its programs open it",
        Shown(path));
  }
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

}  // namespace cairn::sqlite
