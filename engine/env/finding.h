// Something wrong with one item, that does not end the job.
#pragma once

#include <functional>
#include <string>

#include "repo-format/base/error.h"

namespace cairn {

struct Finding {
  enum class Severity { kNote, kWarning, kDamage };
  Severity severity = Severity::kWarning;
  ErrorCode code = ErrorCode::kIo;
  std::string object;  // what it is about: a path, an object's name, "blob 3fa2..."
  std::string detail;  // lower case, no full stop
};

// Of something that could not be read: what a later version wrote, or the store keeps in an archive, is not damaged.
inline Finding::Severity SeverityOf(const Error& error) {
  const bool is_whole = error.code() == ErrorCode::kUnsupported || error.code() == ErrorCode::kArchived;
  return is_whole ? Finding::Severity::kWarning : Finding::Severity::kDamage;
}

// Called from any thread, one call at a time.
using FindingSink = std::function<void(const Finding&)>;

}  // namespace cairn
