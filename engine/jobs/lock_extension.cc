#include "engine/jobs/lock_extension.h"

#include <atomic>

#include "engine/jobs/at_once.h"

namespace cairn {

Result<LockReport> ExtendLocks(const JobContext& context, ObjectLocker& locker, const std::vector<ObjectName>& names) {
  context.progress.SetPhase("extending locks");
  std::atomic<uint64_t> looked_at = 0, extended = 0, gone = 0;
  RETURN_IF_ERROR(AtOnce(context, names.size(), [&](size_t number) -> Result<void> {
    const auto done = locker.ExtendLock(names[number]);
    if (!done && done.error().code() != ErrorCode::kNotFound) return done.error();
    ++looked_at;
    if (!done) {
      ++gone;
    } else if (*done) {
      ++extended;
    }
    return {};
  }));
  return LockReport{.looked_at = looked_at, .extended = extended, .gone = gone};
}

}  // namespace cairn
