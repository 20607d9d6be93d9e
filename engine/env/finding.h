// Something wrong with one item, that does not end the job.
#pragma once

#include <functional>
#include <string>

#include "repo-format/base/error.h"

namespace cairn {

struct Finding {
  // kUnread: it could not be looked at, and may be whole or damaged.
  enum class Severity { kNote, kWarning, kUnread, kDamage };
  Severity severity = Severity::kWarning;
  ErrorCode code = ErrorCode::kIo;
  std::string object;  // what it is about: a path, an object's name, "blob 3fa2..."
  std::string detail;  // lower case, no full stop
};

// Of something that was to be read: what a later version wrote, or the store keeps in an archive, is not damaged, and
// of what the store, this machine or this key could not give nothing is known.
inline Finding::Severity SeverityOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kUnsupported:
    case ErrorCode::kArchived:
      return Finding::Severity::kWarning;
    case ErrorCode::kIo:
    case ErrorCode::kPermission:
    case ErrorCode::kNoSpace:
    case ErrorCode::kBusy:
    case ErrorCode::kNoRight:
    case ErrorCode::kInterrupted:
    case ErrorCode::kStoreAway:
      return Finding::Severity::kUnread;
    default:
      return Finding::Severity::kDamage;
  }
}

// Called from any thread, one call at a time.
using FindingSink = std::function<void(const Finding&)>;

}  // namespace cairn
