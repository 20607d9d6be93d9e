// Packs that were dropped, and what makes RocksDB leave their rows out. Only for index_table.cc and table_state.cc:
// RocksDB's headers are seen here.
#pragma once

#include <rocksdb/compaction_filter.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace cairn {

// Numbers of packs that have no row of their own, on disk: what rows there are under them means nothing. A number never
// comes to mean another pack. Safe for concurrent use; a bit for each number that ever was.
class DroppedPacks {
 public:
  // Instead of all before.
  void Set(std::vector<bool> numbers);
  void Add(const std::vector<uint32_t>& numbers);
  std::vector<bool> Numbers() const;

 private:
  mutable std::mutex mutex_;
  std::vector<bool> numbers_;  // guarded by mutex_
};

// Of a family whose keys have the big-endian number of a pack from byte `number_at` on. What RocksDB merges loses the
// rows of those that were dropped before it began.
std::shared_ptr<rocksdb::CompactionFilterFactory> LeaveOutDropped(std::shared_ptr<const DroppedPacks> dropped,
                                                                  size_t number_at);

}  // namespace cairn
