// Sources for a benchmark: a dump that ends when the time is over, and a sample as a dump.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "engine/jobs/benchmark_sample.h"
#include "engine/source/source.h"

namespace cairn {

// When a dump ends. Safe for concurrent use; borrows the clock.
class SourceDeadline {
 public:
  SourceDeadline(const Clock& clock, std::chrono::nanoseconds duration) : clock_(clock), duration_(duration) {}
  void Begin() { begin_ = clock_.Steady().count(); }
  std::chrono::nanoseconds Passed() const { return clock_.Steady() - std::chrono::nanoseconds(begin_.load()); }
  // Not before something was read.
  bool IsOver() const { return has_read_ && Passed() >= duration_; }
  void NoteRead() { has_read_ = true; }

 private:
  const Clock& clock_;
  const std::chrono::nanoseconds duration_;
  std::atomic<int64_t> begin_{0};
  std::atomic<bool> has_read_{false};
};

// The same dump, whose folders and files have an early end: the time begins when its root is opened.
std::unique_ptr<Source> MakeBoundedSource(std::unique_ptr<Source> source, std::shared_ptr<SourceDeadline> deadline);

// Each piece as a file, over and over. Borrows the sample.
std::unique_ptr<Source> MakeSampleSource(const BenchmarkSample& sample);

}  // namespace cairn
