// A file of a snapshot as SQLite sees files. Private to frontends/query.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <optional>
#include <string>

#include "engine/tree/read_ahead.h"

namespace cairn::query {

// A file system of SQLite with one database, which is only read, has no journal, and never changes; what SQLite puts
// aside for itself (sorting, say) goes to nameless files of the system's. Of the database only what is asked for is
// fetched, and what comes next for who reads on. One thread at a time; outlives the connection. Memory: 64 KiB.
class ViewFiles {
 public:
  ViewFiles(std::shared_ptr<const FileView> file, Executor& executor);
  ~ViewFiles();
  ViewFiles(const ViewFiles&) = delete;
  ViewFiles& operator=(const ViewFiles&) = delete;

  const char* name() const { return name_.c_str(); }                // by which SQLite knows it
  const std::optional<Error>& problem() const { return problem_; }  // of the last read that failed

 private:
  struct File;
  struct Calls;
  Result<size_t> Read(uint64_t offset, MutableByteSpan target);

  const std::string name_;
  sqlite3_vfs* const system_;
  sqlite3_vfs vfs_;
  const std::shared_ptr<const FileView> file_;
  ReadAhead ahead_;
  Bytes near_;               // for who reads on: what follows
  uint64_t near_begin_ = 0;  // where that is in the file
  uint64_t next_ = 0;        // behind what was asked for last
  std::optional<Error> problem_;
};

}  // namespace cairn::query
