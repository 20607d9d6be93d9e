// Files that are made of a PostgreSQL database of a snapshot, so that other programs can read it.
#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tree/file_view.h"
#include "frontends/postgres/description.h"
#include "frontends/view/csv_view.h"

namespace cairn::view {

// Beside what SPEC 11.1 says of a dump: `schema.sql`, and its parts `pre-data.sql` and `post-data.sql`, for before and
// after rows (of pg_restore, where this machine has one that reads the dump),
// `sequences.sql`, `tables/<schema>.<table>.sql` for psql, and `csv/<schema>.<table>.csv`. Names are as the dump's own,
// and a dot within a schema's is %2E. Nothing is kept of it but in memory, and only what was asked for is made.
//
// Safe for concurrent use; who asks for what another thread is making waits for that. Borrows the blobs. Memory: the
// descriptions of two databases, 64 MiB of definitions, and 16 bytes for each MiB of CSV.
class DatabaseFiles {
 public:
  // What is under way ends with kInterrupted where stop is asked for.
  DatabaseFiles(BlobSource& blobs, std::stop_token stop);
  ~DatabaseFiles();

  struct Entry {
    std::string name;
    bool is_folder = false;
    bool is_made_whole = false;  // to know its size takes making all of it
  };
  // `root`: of the item. Folders: "" (what stands beside the dump's own files), "tables", "csv".
  Result<std::vector<Entry>> List(const BlobId& root, const std::string& folder);
  Result<std::optional<Entry>> Find(const BlobId& root, const std::string& folder, std::string_view name);
  // A file, by its name, which no other has, in whatever folder. Reads the whole table, the first time, where it is
  // CSV.
  Result<std::shared_ptr<const FileView>> Open(const BlobId& root, const std::string& name);

 private:
  struct Dump;
  struct Made;
  Result<std::shared_ptr<const Dump>> DumpOf(const BlobId& root);
  Result<std::shared_ptr<const FileView>> Definitions(const BlobId& root, const Dump& dump, const std::string& name);
  Result<std::shared_ptr<const FileView>> Rows(const BlobId& root, const postgres::TableDescription& table) const;
  Result<std::shared_ptr<const FileView>> Csv(const BlobId& root, const postgres::TableDescription& table);
  std::shared_ptr<Made> MadeOf(const BlobId& root, const std::string& file);
  // `make` is called by one thread, for which others wait; where it fails, by the next.
  Result<void> MakeOnce(Made& made, const std::function<Result<void>()>& make);
  bool HasProgram(int major);

  BlobSource& blobs_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::condition_variable made_one_;
  std::list<std::pair<BlobId, std::shared_ptr<const Dump>>> dumps_;                   // guarded by mutex_; newest first
  std::list<std::pair<std::pair<BlobId, std::string>, std::shared_ptr<Made>>> made_;  // guarded by mutex_; newest first
  std::map<int, bool> has_program_;                                                   // guarded by mutex_; by version
};

}  // namespace cairn::view
