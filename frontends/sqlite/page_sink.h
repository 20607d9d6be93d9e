// What SQLite's backup writes, taken as it comes: a file that is never there. Private to frontends/sqlite.
#pragma once

#include <sqlite3.h>

#include <map>
#include <optional>
#include <string>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::sqlite {

// A file system of SQLite with one file, which can be written only: pages ascending, the first one last, as a backup
// into a new database without a journal does (a few that come early are kept until it is their turn). One thread at a
// time. Memory: what was not taken yet, and 4 MiB of pages out of turn.
class PageSink {
 public:
  PageSink();
  ~PageSink();
  PageSink(const PageSink&) = delete;
  PageSink& operator=(const PageSink&) = delete;

  // The name by which SQLite knows it.
  const char* name() const { return name_.c_str(); }
  // Of the database; `first_bytes`, at its beginning, are given by first().
  void Begin(uint64_t bytes, uint32_t page_bytes, uint64_t first_bytes);
  // Moves what has come, in order, from first_bytes on; 0: nothing has come since.
  size_t Take(MutableByteSpan target);
  // An Error says what was not as it has to be: a backup of SQLite that goes another way.
  Result<void> CheckOrder() const;
  Result<void> CheckEnd() const;  // when the backup has ended: all is there, each page once
  const Bytes& first() const { return first_; }

 private:
  struct File;
  struct Calls;
  bool Write(uint64_t offset, ByteSpan bytes);
  void Append(ByteSpan bytes);

  const std::string name_;
  sqlite3_vfs vfs_{};
  uint64_t bytes_ = 0, page_bytes_ = 0;
  Bytes first_;
  uint64_t first_written_ = 0;
  uint64_t next_ = 0;  // where the next page belongs
  uint64_t end_ = 0;   // of what was written, the file's size
  Bytes ready_;
  size_t taken_ = 0;                 // of ready_
  std::map<uint64_t, Bytes> early_;  // by offset
  uint64_t early_bytes_ = 0;
  std::optional<std::string> problem_;
};

}  // namespace cairn::sqlite
