// A stage's share of memory, in bytes: what bounds every queue.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>

#include "repo-format/base/result.h"

namespace cairn {

// Safe for concurrent use. Requests are granted in the order in which they were made, so that a large one is not passed
// by small ones for ever; who holds bytes must therefore not wait for more. A single request larger than the whole
// budget is granted alone, so that it can go on.
class ByteBudget {
 public:
  explicit ByteBudget(uint64_t bytes_max);

  // Waits until `bytes` are free, or stop is asked for (kInterrupted).
  Result<void> Acquire(uint64_t bytes, const std::stop_token& stop);
  void Release(uint64_t bytes);
  uint64_t used() const;

 private:
  const uint64_t bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  uint64_t used_ = 0;             // guarded by mutex_
  uint64_t next_ticket_ = 0;      // guarded by mutex_
  std::deque<uint64_t> waiting_;  // guarded by mutex_; tickets of those who wait, first come first
};

}  // namespace cairn
