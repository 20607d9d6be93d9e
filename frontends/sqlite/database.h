// A connection to a SQLite database, and its errors in our words. Private to frontends/sqlite.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <memory>
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
  const Clock& clock_;
  const std::chrono::seconds patience_;
  const std::stop_token stop_;
  std::chrono::nanoseconds since_{0};
};

struct Close {
  void operator()(sqlite3* connection) const { sqlite3_close_v2(connection); }
};
using Connection = std::unique_ptr<sqlite3, Close>;

// What a result code of a call on `connection` means: kNotFound, kPermission, kBusy, kNoSpace, kInterrupted,
// kUnsupported (not a SQLite database, or an encrypted one), else kIo. Names `path`, and the way out where there is
// one.
Error ErrorOf(int code, sqlite3* connection, const std::string& path, const Patience& patience);

// A database that is there, for reading, by other programs' rules: their locks are kept, their journals are left, and
// what they left when they crashed is taken into account, as each program does that opens it. On a file system that
// nobody can write to, nothing is locked. No other descriptor of the file may be closed by this process meanwhile:
// the locks would go with it.
Result<Connection> OpenToRead(const std::string& path, Patience& patience);

Result<void> Run(sqlite3* connection, const char* statement, const std::string& path, const Patience& patience);
// The first column of the first row.
Result<int64_t> Number(sqlite3* connection, const char* query, const std::string& path, const Patience& patience);
Result<std::string> Text(sqlite3* connection, const char* query, const std::string& path, const Patience& patience);

}  // namespace cairn::sqlite
