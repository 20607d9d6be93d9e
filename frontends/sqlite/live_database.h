// A SQLite database that programs may have open, and whose content is about to be replaced.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/env/job_context.h"
#include "engine/source/source.h"

namespace cairn {
namespace sqlite {
struct Session;
}

// One connection to the database, by which it is read, locked and replaced, so that SQLite itself says whether another
// program has committed anything since it was read. One thread at a time, but that a SafetySource is read by any
// thread. While it is there this process must open and close no other descriptor of the file: its locks would go.
//
// Until Replace nothing is written. A database that is damaged, so that SQLite refuses it, is an Error that says so.
class LiveDatabase {
 public:
  struct Options {
    std::string file;               // a path without links (RealSqlitePath)
    uint32_t lock_patience_s = 60;  // how long another program may keep it locked
  };
  // Does what each program does that opens it: what a crash left half done is undone. `context` outlives the result.
  // What does not begin as a database does is not opened.
  static Result<std::unique_ptr<LiveDatabase>> Open(Options options, const JobContext& context);
  ~LiveDatabase();
  LiveDatabase(const LiveDatabase&) = delete;
  LiveDatabase& operator=(const LiveDatabase&) = delete;

  // kBusy: it has pages of another size and is in WAL mode, in which that stays.
  Result<void> CheckPageSize(uint32_t page_bytes) const;
  // Whether nobody keeps it locked: takes the lock that Replace needs, and lets it go. kBusy.
  Result<void> TryLock();

  // A database that is nobody else's, whose header says that it is not in WAL mode.
  Result<void> SetReplacement(const std::string& staged);
  // What is there now, as a Source whose Finish takes the lock: kBusy, and was_written(), where something was committed
  // since it was read. So what is kept is what is replaced, and a try that comes to nothing leaves no snapshot.
  std::unique_ptr<Source> SafetySource(std::string item);
  bool was_written() const { return was_written_; }
  // Where there is no SafetySource.
  Result<void> Lock();
  // Without a replacement what Lock takes is a transaction of the connection, in which TableRestore does its work. None
  // of it is there before Commit, which is for all of it; an Error of that as one of Replace.
  sqlite::Session session() const;
  Result<void> Commit();
  // With the lock: all pages of the replacement, in one transaction. An Error: ask LookAgain what is there now, but
  // where was_moved(): then the path is another file's, which is not touched, and the Error says where the pages are.
  Result<void> Replace();
  bool was_moved() const { return was_moved_; }

  // After an Error of Replace, or of what was done by the session: ends the transaction, opens the database anew, so
  // that what was half done is undone, and reads it to its end, or, where stop was asked for, its beginning. An Error:
  // that could not be done.
  enum class State { kAsItWas, kAnother };
  Result<State> LookAgain();

 private:
  struct Handles;
  LiveDatabase(Options options, const JobContext& context);
  Result<void> Look();
  Result<void> Note();
  Error Told(Error error) const;
  Result<void> LockByTransaction();
  Result<void> WritePages();
  bool IsMoved() const;
  bool EmptyLog();
  Error MovedError(bool is_written);
  std::string PathNow() const;
  uint32_t DataVersion() const;

  const Options options_;
  const JobContext& context_;
  uint32_t page_bytes_ = 0;
  uint64_t bytes_ = 0;
  bool has_log_ = false, has_journal_ = false, is_kept_ = false, was_written_ = false, was_moved_ = false;
  uint64_t device_ = 0, inode_ = 0;  // of the file that the connection is to
  // When the state that is to be replaced was read: what SQLite counts for each commit that it sees, and its own
  // number of the schema, which a replacement raises.
  uint32_t version_ = 0;
  std::optional<int64_t> schema_;
  std::unique_ptr<Handles> handles_;
};

// What can be said of a file without SQLite, and so without undoing what a crash left. Not while this process has a
// connection to it.
struct SqliteFileState {
  uint64_t bytes = 0;
  uint32_t page_bytes = 0;  // 0: it has no header of a database
  bool has_log = false;     // WAL mode
  uint32_t text_encoding = 0;
  std::string journals;  // those beside it that are not empty, for people
  bool is_none() const { return bytes != 0 && page_bytes == 0; }
};
// kInvalidArgument where it is no database. Opened as one it would still be left alone, but not a journal beside it,
// which SQLite plays back or deletes.
Result<void> RefuseNoDatabase(const std::string& file, const SqliteFileState& state);
Result<SqliteFileState> LookAtSqliteFile(const std::string& file);
// The path without symbolic links. kNotFound, kInvalidArgument as for a SqliteSource.
Result<std::string> RealSqlitePath(const std::string& file);
// Of the first bytes of a database; 0: it is none.
uint32_t SqlitePageBytes(ByteSpan header);
// Of the same bytes, a number of SQLite's; 0: none, or of a database in which there is nothing.
uint32_t SqliteTextEncoding(ByteSpan header);
std::string SqliteTextEncodingName(uint32_t text_encoding);  // for people

}  // namespace cairn
