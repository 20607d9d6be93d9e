#include "frontends/cli/exit_code.h"

namespace cairn {

int ExitCodeOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kWrongKey:
      return kExitWrongPassword;
    case ErrorCode::kInterrupted:
      return kExitInterrupted;
    default:
      return kExitFatal;
  }
}

std::string WayOut(const Error& error, bool all_or_none) {
  switch (error.code()) {
    case ErrorCode::kWrongKey:
      return "give the right password (CAIRN_PASSWORD, --password-file, --password-command)";
    case ErrorCode::kNoRight:
      return "use a key with a role that may do this (cairn key list shows them)";
    case ErrorCode::kUnsupported:
      return "a newer cairn made this; nothing was changed";
    case ErrorCode::kNoSpace:
      return all_or_none ? "free space there, or have its quota raised, and run it again"
                         : "free space there, or have its quota raised, and run it again; what was done is kept";
    case ErrorCode::kForged:
      return "somebody, or a damaged disk, has changed the repository; run cairn check";
    case ErrorCode::kCorrupt:
      return "run cairn check to see all of it";
    case ErrorCode::kBusy:
      return "run it again";
    case ErrorCode::kArchived:
      return "cairn restore SNAPSHOT --warm-up asks the store to bring back what is needed of a snapshot";
    case ErrorCode::kStoreAway:
      return all_or_none ? "see that it can be reached, and run it again"
                         : "see that it can be reached, and run it again; what was done is kept";
    case ErrorCode::kInterrupted:
      return all_or_none ? "run it again" : "what was done is kept; run it again to go on";
    default:
      return "";
  }
}

}  // namespace cairn
