// Merges small index segments. SPEC section 13.4, step 6.
#pragma once

#include <vector>

#include "engine/repo/protocol.h"

namespace cairn {

struct MergeReport {
  uint64_t covered = 0, written = 0, names_dropped = 0;
};

// Run inside a session of maintenance that was put before anything was listed. `removed_before` are removed names that
// were seen, with no entry for them in any segment, before `sessions_before` were listed (the session's own left out):
// a name of them is dropped when each of these sessions has ended since, and only by a merge that covers every segment.
// One for which there still was an entry is carried on: a merge that dies, or is seen, half-way must not leave the
// entry without it. Merges when there are context.limits.merge_fan_in small segments.
Result<MergeReport> MergeSegments(const JobContext& context, Repository& repository, Protocol& protocol,
                                  const SessionId& self, const std::vector<PackName>& removed_before,
                                  const std::vector<SessionId>& sessions_before);

}  // namespace cairn
