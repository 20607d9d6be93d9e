// Memory of packs that were read, for those that are read next.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "repo-format/base/bytes.h"
#include "repo-format/base/units.h"

namespace cairn {

// The pages of a pack of 16 MiB cost as much time as reading it from the page cache, where malloc takes them anew from
// the system for each. Nothing that is handed out, or kept, is much larger than the pack that it is for: the memory
// that is in use stays what was acquired for the packs, give or take a quarter. Safe for concurrent use.
class PackBuffers {
 public:
  // At most so many bytes are kept; 0: none.
  explicit PackBuffers(uint64_t idle_bytes_max) : idle_bytes_max_(idle_bytes_max) {}

  // Empty, with room for `size` bytes; none where nothing is kept, or for less than kKeptMin.
  Bytes Take(uint64_t size);
  // What Take gave for a pack of `size`, whatever became of it. Kept, or given back to the system.
  void Give(Bytes bytes, uint64_t size);

  uint64_t idle_bytes() const {
    const std::lock_guard lock(mutex_);
    return idle_bytes_;
  }

  static constexpr uint64_t kKeptMin = 4 * kMiB;  // smaller ones malloc keeps itself

 private:
  const uint64_t idle_bytes_max_;
  mutable std::mutex mutex_;
  std::vector<Bytes> idle_;  // guarded by mutex_, as what follows
  uint64_t idle_bytes_ = 0;  // their capacity
};

}  // namespace cairn
