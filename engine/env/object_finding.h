// What a finding of a whole object is.
#pragma once

#include "engine/env/finding.h"

namespace cairn {

// Of one that does not open, and that the repository should not lack: damage, or what nothing is known of, also where a
// later version wrote it.
inline Finding::Severity DamageOrUnread(const Error& error) {
  return SeverityOf(error) == Finding::Severity::kDamage ? Finding::Severity::kDamage : Finding::Severity::kUnread;
}

}  // namespace cairn
