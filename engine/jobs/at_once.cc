#include "engine/jobs/at_once.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace cairn {
namespace {

constexpr size_t kAtOnce = 16;

}  // namespace

Result<void> AtOnce(const JobContext& context, size_t count, const std::function<Result<void>(size_t number)>& each) {
  context.progress.items_total = count;
  context.progress.items_done = 0;
  std::mutex mutex;
  std::condition_variable done;
  std::optional<Error> failed;
  size_t next = 0, running = std::min(kAtOnce, count);
  const auto work = [&] {
    for (;;) {
      size_t mine = 0;
      {
        const std::lock_guard lock(mutex);
        if (failed || next == count) break;
        mine = next++;
      }
      if (context.stop.stop_requested()) break;
      auto one = each(mine);
      const std::lock_guard lock(mutex);
      ++context.progress.items_done;
      if (!one && !failed) failed = std::move(one).error();
    }
    const std::lock_guard lock(mutex);
    --running;
    done.notify_all();
  };
  for (size_t i = std::min(kAtOnce, count); i > 0; --i) context.executor.Submit(work);
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return running == 0; });
  if (failed) return *std::move(failed);
  if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
  return {};
}

}  // namespace cairn
