#include "engine/jobs/retention_guard.h"

#include "engine/repo/time_text.h"

namespace cairn {

void RetentionGuard::Mark(std::vector<LoadedSnapshot>& snapshots, const SnapshotFilter& filter,
                          const FindingSink& findings) const {
  constexpr int64_t kDaySeconds = 86'400;
  const WireTime latest{now / 1'000'000'000 + kDaySeconds, 0};
  for (LoadedSnapshot& snapshot : snapshots) {
    if (filter && !filter(snapshot)) continue;
    if (made && (snapshot.id == *made || snapshot.inner.original == made)) snapshot.is_protected = true;
    if (!snapshot.opened || snapshot.time_doubtful || snapshot.inner.start <= latest) continue;
    snapshot.time_doubtful = true;
    if (!findings) continue;
    findings({Finding::Severity::kWarning, ErrorCode::kInvalidArgument, "snapshot " + snapshot.id.ToHex(),
              fmt::format("it says that it was made at {}, and this machine's clock is at {}: no policy forgets it or "
                          "counts it (name its id to forget it)",
                          FormatTime(snapshot.inner.start, 0), FormatTime(ToWireTime(now), 0))});
  }
}

}  // namespace cairn
