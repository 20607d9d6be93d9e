// How RocksDB is opened, and what it says in our words. Only for index_table.cc, index_bulk.cc and table_state.cc: its
// own headers are seen here.
#pragma once

#include <rocksdb/cache.h>
#include <rocksdb/db.h>

#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/index/dropped_packs.h"
#include "engine/index/index_table.h"

namespace cairn {

// Column families, in the order of IndexTable::State::families.
enum class Family : size_t { kDefault, kBlobs, kPacks, kFrames, kSegments };

inline constexpr uint64_t kBlobRowBytes = 54;  // in a file of such, about

inline rocksdb::Slice ToSlice(std::string_view text) { return {text.data(), text.size()}; }
inline rocksdb::Slice ToSlice(ByteSpan bytes) { return ToSlice(AsText(bytes)); }
inline ByteSpan ToSpan(const rocksdb::Slice& slice) { return AsBytes({slice.data(), slice.size()}); }

struct IndexTable::State {
  static Result<std::unique_ptr<State>> Open(const Options& options, bool* is_new);
  State() = default;
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static rocksdb::ReadOptions ScanOptions();  // of a walk over a whole family
  rocksdb::ColumnFamilyHandle* family(Family which) const { return families[static_cast<size_t>(which)]; }
  std::unique_ptr<rocksdb::Iterator> NewIterator(const rocksdb::ReadOptions& options, Family which) const;
  // An iterator over blobs for a look-up by id, which sees all that was written before. Making one is a quarter of a
  // look-up that finds nothing, so that a few are kept.
  std::unique_ptr<rocksdb::Iterator> TakeBlobLookup() const;
  void GiveBack(std::unique_ptr<rocksdb::Iterator> lookup) const;  // only one that has not failed
  // Behind what takes files or memory away: those that are kept hold what they saw last.
  void DropLookups() const;
  // A row that has to be there: kCorrupt where it is not.
  Result<void> Get(Family which, const rocksdb::Slice& key, rocksdb::PinnableSlice* value) const;
  // Files of rows before they are the table's: not there when it is opened.
  std::string BulkFolder() const { return folder + "/bulk"; }
  Result<void> ToResult(const rocksdb::Status& status) const { return ToResult(status, folder); }
  static Result<void> ToResult(const rocksdb::Status& status, const std::string& folder);

  // The cache holds the filters of as many blobs as there are now.
  void FitCache() const;
  // By the size of its files: RocksDB's own count would have to look into each of them.
  uint64_t EstimateRows(Family which, uint64_t row_bytes) const;

  std::string folder;
  // Those whose rows may go, for their own has gone from the disk; and those for which that is not yet so. Rows that go
  // sooner would leave a pack without them, if the process died now.
  const std::shared_ptr<DroppedPacks> dropped = std::make_shared<DroppedPacks>();
  std::mutex dropping_mutex;
  std::vector<uint32_t> dropping;  // guarded by dropping_mutex
  std::shared_ptr<rocksdb::Cache> cache;
  uint64_t cache_bytes_min = 0;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;  // owned by db, given back before it goes
  mutable std::mutex lookups_mutex;
  mutable std::deque<std::unique_ptr<rocksdb::Iterator>> lookups;  // guarded by lookups_mutex; gone before families
};

}  // namespace cairn
