// How often something can be done: the same work again and again, for a while.
#pragma once

#include <chrono>
#include <functional>
#include <vector>

#include "engine/env/job_context.h"
#include "repo-format/base/result.h"

namespace cairn {

// One thread at a time. Borrows the context.
class RateMeter {
 public:
  // Each measurement takes this long, and the calls that were begun then are waited for.
  RateMeter(const JobContext& context, std::chrono::nanoseconds duration) : context_(context), duration_(duration) {}

  // One call's share of the work: how much it did. Calls are numbered from 0 over all threads; thread n of m makes the
  // calls n, n + m, n + 2m ... 0: there is no more of it, and the thread ends before its time.
  using Work = std::function<Result<uint64_t>(uint64_t call)>;
  // What `threads` threads did a second, together; the executor has so many that are free. At least one call a thread.
  // The first Error of a call, or kInterrupted, which comes as soon as the calls that were begun have ended.
  Result<double> Run(Executor& executor, unsigned threads, const Work& work) const;

  std::chrono::nanoseconds duration() const { return duration_; }

 private:
  // What one thread did.
  struct Share {
    uint64_t done = 0;
    std::chrono::nanoseconds begin{}, end{};
    bool had_all = false;  // there was no more
  };
  Result<Share> RunThread(unsigned thread, unsigned threads, const Work& work) const;
  static double Together(const std::vector<Share>& shares);

  const JobContext& context_;
  const std::chrono::nanoseconds duration_;
};

// A second, where it took no time that the clock knows of.
double PerSecond(uint64_t amount, std::chrono::nanoseconds span);

}  // namespace cairn
