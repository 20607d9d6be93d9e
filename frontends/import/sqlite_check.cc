#include "frontends/import/sqlite_check.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>

#include "frontends/import/sqlite_descriptor.h"

namespace cairn::import {
namespace {

constexpr size_t kHeaderBytes = 100;

struct Close {
  void operator()(sqlite3* connection) const { sqlite3_close(connection); }
};
using Connection = std::unique_ptr<sqlite3, Close>;

// As a part of a URI.
std::string Escaped(const std::string& path) {
  std::string text;
  for (const char c : path) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                          c == '-' || c == '_' || c == '.';
    text += is_plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return text;
}

int IsStopped(void* stop) { return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0; }

Error Failure(sqlite3* connection, const std::stop_token& stop) {
  if (stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
  const int code = sqlite3_errcode(connection) & 0xff;
  const char* said = sqlite3_errmsg(connection);
  if (code == SQLITE_CANTOPEN || code == SQLITE_IOERR) return MakeError(ErrorCode::kIo, "SQLite: {}", said);
  return Corrupt("SQLite: {}", said);
}

Result<Connection> Open(const std::string& uri, int flags, const std::stop_token& stop) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open_v2(uri.c_str(), &opened, flags | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE, nullptr);
  Connection connection(opened);
  if (opened == nullptr) return Error(ErrorCode::kIo, "SQLite has no memory for a connection");
  if (code != SQLITE_OK) return Failure(opened, stop);
  // What its schema says is another's.
  sqlite3_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(opened, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_progress_handler(opened, 10'000, &IsStopped, const_cast<std::stop_token*>(&stop));
  return connection;
}

int KeepFirst(void* kept, int columns, char** values, char**) {
  auto& text = *static_cast<std::string*>(kept);
  if (text.empty() && columns > 0 && values[0] != nullptr) text = values[0];
  return 0;
}

Result<std::string> FirstOf(sqlite3* connection, const char* query, const std::stop_token& stop) {
  std::string first;
  if (sqlite3_exec(connection, query, &KeepFirst, &first, nullptr) != SQLITE_OK) return Failure(connection, stop);
  return first;
}

uint32_t BigEndian(ByteSpan bytes) {
  uint32_t value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

// https://www.sqlite.org/fileformat.html, 1.3: the pages that the header tells of, where a SQLite of today wrote it.
Result<CheckedDatabase> CheckSize(const SharedFd& file) {
  struct stat info{};
  if (::fstat(file->get(), &info) != 0) return ErrnoError(errno, "looking at the database");
  const auto size = static_cast<uint64_t>(info.st_size);
  FileStream stream(file, 0, size);
  Bytes header(kHeaderBytes);
  for (size_t filled = 0; filled < header.size();) {
    ASSIGN_OR_RETURN(const size_t got, stream.Read(MutableByteSpan(header).subspan(filled)));
    if (got == 0) return Corrupt("it is cut short: less than the header of a database");
    filled += got;
  }
  const uint32_t raw = BigEndian(ByteSpan(header).subspan(16, 2));
  const uint32_t page_bytes = raw == 1 ? 65'536 : raw;
  if (page_bytes < 512 || (page_bytes & (page_bytes - 1)) != 0) return Corrupt("its pages have {} bytes", page_bytes);
  const bool counts = BigEndian(ByteSpan(header).subspan(24, 4)) == BigEndian(ByteSpan(header).subspan(92, 4));
  const uint64_t told = uint64_t{BigEndian(ByteSpan(header).subspan(28, 4))} * page_bytes;
  if (counts && size < told) return Corrupt("it is cut short: {} bytes, its header tells of {}", size, told);
  if (size % page_bytes != 0) return Corrupt("it is cut short: {} bytes are no number of whole pages", size);
  return CheckedDatabase{page_bytes, ""};
}

}  // namespace

Result<CheckedDatabase> CheckDatabase(const SharedFd& file, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(CheckedDatabase checked, CheckSize(file));
  const std::string uri = UriOfDescriptor(file);
  if (uri.empty()) return Error(ErrorCode::kIo, "SQLite has no memory");
  ASSIGN_OR_RETURN(const Connection connection, Open(uri, SQLITE_OPEN_READONLY, stop));
  const auto problem = FirstOf(connection.get(), "PRAGMA quick_check(1)", stop);
  if (!problem &&
      (sqlite3_errcode(connection.get()) & 0xff) == SQLITE_ERROR) {  // no damage, but what it knows nothing of
    checked.note = fmt::format("SQLite could not check it: {}", problem.error().message());
    return checked;
  }
  RETURN_IF_ERROR(problem);
  if (*problem != "ok") return Corrupt("SQLite's quick_check finds: {}", *problem);
  return checked;
}

Result<void> TakeInLog(const std::string& database, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const Connection connection, Open("file:" + Escaped(database), SQLITE_OPEN_READWRITE, stop));
  RETURN_IF_ERROR(FirstOf(connection.get(), "PRAGMA wal_checkpoint(TRUNCATE)", stop));
  return {};
}

}  // namespace cairn::import
