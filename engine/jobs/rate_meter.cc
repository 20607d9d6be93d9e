#include "engine/jobs/rate_meter.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace cairn {

double PerSecond(uint64_t amount, std::chrono::nanoseconds span) {
  return static_cast<double>(amount) * 1e9 / static_cast<double>(std::max<int64_t>(span.count(), 1));
}

Result<double> RateMeter::Run(Executor& executor, unsigned threads, const Work& work) const {
  std::mutex mutex;
  std::condition_variable ended;
  unsigned running = threads;  // this and what follows: guarded by mutex
  double sum = 0;
  std::optional<Error> error;
  for (unsigned thread = 0; thread < threads; ++thread) {
    executor.Submit([&, thread] {
      auto rate = RunThread(thread, threads, work);
      const std::lock_guard lock(mutex);
      if (rate) {
        sum += *rate;
      } else if (!error) {
        error = rate.error();
      }
      --running;
      ended.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  ended.wait(lock, [&] { return running == 0; });
  if (error) return *std::move(error);
  return sum;
}

Result<double> RateMeter::RunThread(unsigned thread, unsigned threads, const Work& work) const {
  const auto begin = context_.clock.Steady();
  uint64_t done = 0;
  for (uint64_t call = thread;; call += threads) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    ASSIGN_OR_RETURN(const uint64_t amount, work(call));
    done += amount;
    const auto span = context_.clock.Steady() - begin;
    if (span >= duration_) return PerSecond(done, span);
  }
}

}  // namespace cairn
