// A database on this machine as the target of a restore.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/clock.h"
#include "repo-format/base/result.h"

namespace cairn {

struct LiveDatabaseOptions {
  std::string file;
  uint32_t lock_patience_s = 60;  // how long another program may keep it locked
};

// Where programs may have the database open: what is restored is written into it, in one transaction of SQLite, so that
// they see the old state or the new one, whole, and go on in it; a crash in the middle leaves the old one, for SQLite
// to bring back. Where there is none yet it is made, with the owner and mode of what is restored. One thread.
class LiveDatabase {
 public:
  // `clock` outlives it. kAlreadyExists where there is none, but another's journal stands in its place.
  static Result<LiveDatabase> Open(LiveDatabaseOptions options, const Clock& clock, std::stop_token stop);

  bool exists() const { return exists_; }
  const std::string& file() const { return options_.file; }
  // By a database that nobody else has open. On return it is on the disk; after an Error all is as it was.
  Result<void> Replace(const std::string& whole);

 private:
  LiveDatabase(LiveDatabaseOptions options, const Clock& clock, std::stop_token stop)
      : options_(std::move(options)), clock_(&clock), stop_(std::move(stop)) {}
  Result<void> WriteInto(const std::string& whole);
  Result<void> TakeOwner(const std::string& whole);

  LiveDatabaseOptions options_;
  const Clock* clock_;
  std::stop_token stop_;
  bool exists_ = false;
};

// SQLite's own integrity_check and foreign_key_check of a database.
struct DatabaseCheck {
  std::vector<std::string> problems;  // a few of them; none: it is whole
  uint64_t foreign_keys_broken = 0;   // rows; a program that does not enforce them may have had them before
};
Result<DatabaseCheck> CheckDatabase(const std::string& file, const Clock& clock, std::stop_token stop);

}  // namespace cairn
