#include "frontends/sqlite/database.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
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

Result<Connection> Connect(const std::string& path, Patience& patience) {
  auto files = std::make_shared<GuardedFiles>(path);
  sqlite3* connection = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, files->name());
  Connection owned(connection, Close{std::move(files)});
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

void Patience::Install(sqlite3* connection) {
  constexpr int kStepsBetweenLooks = 10'000;
  sqlite3_busy_handler(connection, &Patience::Wait, this);
  sqlite3_progress_handler(connection, kStepsBetweenLooks, &Patience::IsStopped, this);
}

int Patience::IsStopped(void* self) { return static_cast<Patience*>(self)->is_stopped() ? 1 : 0; }

GuardedFiles::GuardedFiles(std::string database)
    : database_(std::move(database)),
      name_(fmt::format("cairn-files-{}", static_cast<const void*>(this))),
      system_(sqlite3_vfs_find(nullptr)) {
  static_cast<sqlite3_vfs&>(vfs_) = *system_;
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.xDelete = &GuardedFiles::Delete;
  vfs_.owner = this;
  sqlite3_vfs_register(&vfs_, /*makeDflt=*/0);
}

GuardedFiles::~GuardedFiles() { sqlite3_vfs_unregister(&vfs_); }

int GuardedFiles::Delete(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  const GuardedFiles& files = *static_cast<Vfs*>(vfs)->owner;
  if (name != files.database_ + "-journal" && name != files.database_ + "-wal") return SQLITE_IOERR_DELETE;
  return files.system_->xDelete(files.system_, name, sync_folder);
}

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
      return MakeError(ErrorCode::kBusy, "{}: another program has it locked, for {} s or longer: {}", shown,
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
  struct statx file{}, folder{};
  constexpr unsigned kAsked = STATX_BASIC_STATS | STATX_MNT_ID;
  const bool is_known = ::statx(AT_FDCWD, real.c_str(), 0, kAsked, &file) == 0 &&
                        ::statx(AT_FDCWD, real.parent_path().c_str(), 0, kAsked, &folder) == 0;
  if (!is_known) return ErrnoError(errno, "looking at " + Shown(path));
  if (!S_ISREG(file.stx_mode)) {
    return MakeError(ErrorCode::kInvalidArgument, "{} is no file, and so no SQLite database", Shown(path));
  }
  if (file.stx_nlink > 1 || file.stx_mnt_id != folder.stx_mnt_id) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "{} has another name ({}), and beside that, where it would not be seen, may lie a journal with a "
                     "part of it: give it one name, or mount its folder",
                     Shown(path), file.stx_nlink > 1 ? "a hard link" : "it is mounted as a file");
  }
  return real.native();
}

std::optional<Header> ReadHeader(const std::string& path) {
  std::array<uint8_t, 60> bytes{};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(bytes.data()), bytes.size());
  if (!file || std::memcmp(bytes.data(), "SQLite format 3", 16) != 0) return std::nullopt;
  const uint32_t page_bytes = static_cast<uint32_t>(bytes[16]) << 8 | bytes[17];
  const uint32_t text_encoding = static_cast<uint32_t>(bytes[56]) << 24 | static_cast<uint32_t>(bytes[57]) << 16 |
                                 static_cast<uint32_t>(bytes[58]) << 8 | bytes[59];
  return Header{page_bytes == 1 ? 65'536 : page_bytes, bytes[19] == 2, text_encoding};
}

namespace {

// SQLite takes a database of no bytes for a new one, and the journal beside it for nobody's.
Result<void> RefuseEmptied(const std::string& path) {
  std::error_code failure;
  if (std::filesystem::file_size(path, failure) > 0 || failure) return {};
  for (const std::string_view journal : {"-wal", "-journal"}) {
    const auto size = std::filesystem::file_size(path + std::string(journal), failure);
    if (failure || size == 0) continue;
    return MakeError(ErrorCode::kIo, "{} is empty, but {}{} has {} bytes: it was cut off, and that may be all there is",
                     Shown(path), Shown(path), journal, size);
  }
  return {};
}

}  // namespace

Result<Connection> OpenToWrite(const std::string& path, Patience& patience) {
  const auto header = ReadHeader(path);
  std::error_code ignored;
  const bool has_files =
      std::filesystem::exists(path + "-wal", ignored) && std::filesystem::exists(path + "-shm", ignored);
  RETURN_IF_ERROR(RefuseEmptied(path));
  ASSIGN_OR_RETURN(Connection connection, Connect(path, patience));
  // Who opens a log first makes its files, as his own, but for root: the database's programs could not use them.
  struct stat status{};
  const bool is_owners = ::stat(path.c_str(), &status) == 0 && (::geteuid() == 0 || ::geteuid() == status.st_uid) &&
                         sqlite3_db_readonly(connection.get(), "main") == 0;
  if (header && header->has_log && !is_owners && !has_files) {
    return MakeError(
        ErrorCode::kPermission,
        "{}: it is in WAL mode and nobody has it open, so who reads it has to write beside it: run this as "
        "its owner, or give the path at which its programs open it",
        Shown(path));
  }
  return connection;
}

Result<Connection> OpenToRead(const std::string& path, Patience& patience) {
  ASSIGN_OR_RETURN(Connection connection, OpenToWrite(path, patience));
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
