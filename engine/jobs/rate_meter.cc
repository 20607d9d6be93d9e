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
  std::vector<Share> shares;
  std::optional<Error> error;
  for (unsigned thread = 0; thread < threads; ++thread) {
    executor.Submit([&, thread] {
      auto share = RunThread(thread, threads, work);
      const std::lock_guard lock(mutex);
      if (share) {
        shares.push_back(*share);
      } else if (!error) {
        error = share.error();
      }
      --running;
      ended.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  ended.wait(lock, [&] { return running == 0; });
  if (error) return *std::move(error);
  return Together(shares);
}

double RateMeter::Together(const std::vector<Share>& shares) {
  double sum = 0;
  Share all = shares.front();
  all.done = 0;
  for (const Share& share : shares) {
    sum += PerSecond(share.done, share.end - share.begin);
    all.done += share.done;
    all.begin = std::min(all.begin, share.begin);
    all.end = std::max(all.end, share.end);
    all.had_all = all.had_all || share.had_all;
  }
  // Threads that had nothing left to do may not have worked at the same time.
  return all.had_all ? PerSecond(all.done, all.end - all.begin) : sum;
}

Result<RateMeter::Share> RateMeter::RunThread(unsigned thread, unsigned threads, const Work& work) const {
  Share share;
  share.begin = context_.clock.Steady();
  for (uint64_t call = thread;; call += threads) {
    if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
    ASSIGN_OR_RETURN(const uint64_t amount, work(call));
    share.done += amount;
    share.end = context_.clock.Steady();
    share.had_all = amount == 0;
    if (share.had_all || share.end - share.begin >= duration_) return share;
  }
}

}  // namespace cairn
