// Open frames for threads to go on with.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "engine/jobs/blob_target.h"

namespace cairn {

// Lends each thread a sink: what one thread has gathered, the next that takes the sink goes on with, so that there are
// no more open frames than threads at once. Safe for concurrent use.
class SinkPool {
 public:
  SinkPool(BlobTarget& target, uint64_t frame_bytes) : target_(target), frame_bytes_(frame_bytes) {}

  // One thread's until it is destroyed.
  class Loan {
   public:
    explicit Loan(SinkPool& pool) : pool_(pool), sink_(pool.Take()) {}
    ~Loan() { pool_.Return(std::move(sink_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    AddingSink* operator->() const { return sink_.get(); }

   private:
    SinkPool& pool_;
    std::unique_ptr<AddingSink> sink_;
  };

  // Closes all frames. None is lent.
  Result<void> Finish();

 private:
  std::unique_ptr<AddingSink> Take();
  void Return(std::unique_ptr<AddingSink> sink);

  BlobTarget& target_;
  const uint64_t frame_bytes_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<AddingSink>> sinks_;  // guarded by mutex_: those that are not lent
};

}  // namespace cairn
