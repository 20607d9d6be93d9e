#include "engine/jobs/lock_extension.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace cairn {
namespace {

constexpr size_t kAtOnce = 16;

}  // namespace

Result<LockReport> ExtendLocks(const JobContext& context, ObjectLocker& locker, const std::vector<ObjectName>& names) {
  context.progress.SetPhase("extending locks");
  context.progress.items_total = names.size();
  context.progress.items_done = 0;
  std::mutex mutex;
  std::condition_variable done;
  LockReport report;
  std::optional<Error> failed;
  size_t next = 0, running = 0;
  const auto work = [&] {
    for (;;) {
      size_t mine = 0;
      {
        const std::lock_guard lock(mutex);
        if (failed || next == names.size()) break;
        mine = next++;
      }
      if (context.stop.stop_requested()) break;
      const auto extended = locker.ExtendLock(names[mine]);
      const std::lock_guard lock(mutex);
      ++report.looked_at;
      ++context.progress.items_done;
      if (extended) {
        report.extended += *extended ? 1 : 0;
      } else if (extended.error().code() == ErrorCode::kNotFound) {
        ++report.gone;
      } else if (!failed) {
        failed = extended.error();
      }
    }
    const std::lock_guard lock(mutex);
    --running;
    done.notify_all();
  };
  {
    const std::lock_guard lock(mutex);
    running = std::min(kAtOnce, names.size());
  }
  for (size_t i = std::min(kAtOnce, names.size()); i > 0; --i) context.executor.Submit(work);
  std::unique_lock lock(mutex);
  done.wait(lock, [&] { return running == 0; });
  if (failed) return *std::move(failed);
  if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while extending locks");
  return report;
}

}  // namespace cairn
