// The pages of a SQLite database that others may be writing to, as one state, in order. Private to frontends/sqlite.
#pragma once

#include <memory>
#include <string>

#include "frontends/sqlite/database.h"
#include "frontends/sqlite/page_sink.h"

namespace cairn::sqlite {

// One read transaction from Open to the end, so that what is committed meanwhile neither is seen nor makes the reading
// begin anew. In WAL mode writers go on, and their log cannot be cut until the end; else they find it locked when they
// commit, and readers that come then do too. One thread at a time. Memory: about 5 MiB.
class PageStream {
 public:
  // Waits for others' locks as `patience` says, which outlives it.
  static Result<std::unique_ptr<PageStream>> Open(const std::string& path, Patience& patience);
  // By a connection that has no transaction, and outlives this: it has none at the end, nor when this goes before.
  static Result<std::unique_ptr<PageStream>> OpenOn(sqlite3* connection, bool has_log, const std::string& path,
                                                    Patience& patience);
  ~PageStream();

  uint32_t page_bytes() const { return page_bytes_; }
  uint64_t bytes() const { return bytes_; }
  bool stops_writers() const { return stops_writers_; }
  // Before the first Read: so many bytes at the beginning are given by First alone.
  void Begin(uint64_t first_bytes) { sink_.Begin(bytes_, page_bytes_, first_bytes); }
  // What follows them; 0 bytes: the end, and the transaction is over.
  Result<size_t> Read(MutableByteSpan target);
  const Bytes& First() const { return sink_.first(); }  // after the end

 private:
  PageStream(std::string path, Patience& patience) : path_(std::move(path)), patience_(patience) {}
  Result<void> BeginTransaction();
  Result<void> BeginBackup();
  Result<void> Step();
  Result<void> End();

  struct Finish {
    void operator()(sqlite3_backup* backup) const { sqlite3_backup_finish(backup); }
  };

  const std::string path_;
  Patience& patience_;
  uint32_t page_bytes_ = 0;
  uint64_t bytes_ = 0;
  bool stops_writers_ = false;
  PageSink sink_;  // goes after what writes to it
  Connection source_, target_;
  sqlite3* reader_ = nullptr;  // source_, or the caller's
  std::unique_ptr<sqlite3_backup, Finish> backup_;
};

}  // namespace cairn::sqlite
