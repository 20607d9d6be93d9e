// A connection to a SQLite database, and its errors in our words. For frontends/sqlite and frontends/query alone.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "engine/env/clock.h"
#include "repo-format/base/result.h"

namespace cairn::sqlite {

// Where a lock is another's: waits until `patience` is over, or stop is asked for. Outlives the connection.
class Patience {
 public:
  Patience(const Clock& clock, std::chrono::seconds patience, std::stop_token stop)
      : clock_(clock), patience_(patience), stop_(std::move(stop)) {}
  bool is_stopped() const { return stop_.stop_requested(); }
  std::chrono::seconds seconds() const { return patience_; }
  void Install(sqlite3* connection);

 private:
  static int Wait(void* self, int count);
  static int IsStopped(void* self);
  const Clock& clock_;
  const std::chrono::seconds patience_;
  const std::stop_token stop_;
  std::chrono::nanoseconds since_{0};
};

// The system's files as SQLite sees them, but that nothing is deleted besides the journals of one database: a journal
// that a crash left may name any file as one to be deleted with it, and who owns the database has written that.
class GuardedFiles {
 public:
  explicit GuardedFiles(std::string database);
  ~GuardedFiles();
  GuardedFiles(const GuardedFiles&) = delete;
  GuardedFiles& operator=(const GuardedFiles&) = delete;
  const char* name() const { return name_.c_str(); }  // by which SQLite knows them

 private:
  static int Delete(sqlite3_vfs* vfs, const char* name, int sync_folder);
  const std::string database_, name_;
  sqlite3_vfs* const system_;
  struct Vfs : sqlite3_vfs {
    GuardedFiles* owner = nullptr;
  } vfs_;
};

struct Close {
  std::shared_ptr<GuardedFiles> files;  // that the connection works on, and which outlive it; none: those of a PageSink
  void operator()(sqlite3* connection) const { sqlite3_close(connection); }
};
using Connection = std::unique_ptr<sqlite3, Close>;

// What a result code of a call on `connection` means: kPermission, kBusy, kNoSpace, kInterrupted, kInvalidArgument (not
// a SQLite database, or an encrypted one), else kIo. Names `path`, and the way out where there is one.
Error ErrorOf(int code, sqlite3* connection, const std::string& path, const Patience& patience);

// The path without symbolic links, beside which SQLite looks for journals. kNotFound; kInvalidArgument: no file, or one
// that has another name too, so that its journals may lie elsewhere.
Result<std::string> RealPath(const std::string& path);

// What the header says (https://www.sqlite.org/fileformat.html, 1.3), before SQLite is asked. Opens and closes the
// file, so not while this process has a connection to it: its locks would go. Nothing: there is none.
struct Header {
  uint32_t page_bytes = 0;
  bool has_log = false;  // WAL mode
  uint32_t text_encoding = 0;
};
std::optional<Header> ReadHeader(const std::string& path);

// A database that is there (a RealPath), for reading, as each program opens it: locks are kept; what a crash left half
// done is undone, and who closes a database in WAL mode last takes its log into it. kPermission where this user could
// not do its part, and would leave files that the database's own programs cannot use. No other descriptor of the file
// may be closed by this process meanwhile: the locks would go with it.
Result<Connection> OpenToRead(const std::string& path, Patience& patience);
// The same, for writing too.
Result<Connection> OpenToWrite(const std::string& path, Patience& patience);

Result<void> Run(sqlite3* connection, const char* statement, const std::string& path, const Patience& patience);
// The first column of the first row.
Result<int64_t> Number(sqlite3* connection, const char* query, const std::string& path, const Patience& patience);

}  // namespace cairn::sqlite
