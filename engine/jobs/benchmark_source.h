// Sources for a benchmark: a dump that ends when the time is over, and a sample as a dump.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>

#include "engine/jobs/benchmark_sample.h"
#include "engine/source/source.h"

namespace cairn {

// When a dump ends: `duration` after its first file was opened, or kSearchTimes as long after its root was, where not
// one byte was found. Safe for concurrent use; borrows the clock.
class SourceDeadline {
 public:
  SourceDeadline(const Clock& clock, std::chrono::nanoseconds duration) : clock_(clock), duration_(duration) {}
  void NoteRoot() { root_ = Now(); }
  void NoteOpen() { Once(open_); }
  void NoteRead() { last_read_ = Now(); }
  // Once it is, it stays so.
  bool IsOver() {
    if (is_over_) return true;
    const int64_t now = Now(), duration = duration_.count();
    const bool is_over = last_read_ != 0 ? now - open_ >= duration : now - root_ >= duration * kSearchTimes;
    if (is_over) is_over_ = true;
    return is_over;
  }
  // From the first file to the last byte that came before the end; to now, where the dump came to its own.
  std::chrono::nanoseconds Span() const {
    return std::chrono::nanoseconds((is_over_ && last_read_ != 0 ? last_read_.load() : Now()) - open_);
  }

 private:
  int64_t Now() const { return std::max<int64_t>(clock_.Steady().count(), 1); }
  void Once(std::atomic<int64_t>& time) {
    int64_t none = 0;
    if (time == 0) time.compare_exchange_strong(none, Now());
  }

  const Clock& clock_;
  const std::chrono::nanoseconds duration_;
  std::atomic<int64_t> root_{0}, open_{0}, last_read_{0};  // 0: not yet
  std::atomic<bool> is_over_{false};
};

// The same dump, whose folders and files have an early end; what is asked for afterwards is an Error, or has nothing in
// it, without a look at the dump.
std::unique_ptr<Source> MakeBoundedSource(std::unique_ptr<Source> source, std::shared_ptr<SourceDeadline> deadline);

// Each piece as a file, over and over. Borrows the sample.
std::unique_ptr<Source> MakeSampleSource(const BenchmarkSample& sample);

}  // namespace cairn
