#include "repo-format/base/error.h"

#include <cerrno>
#include <system_error>

namespace cairn {

std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kNotFound:
      return "not found";
    case ErrorCode::kAlreadyExists:
      return "already exists";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kForged:
      return "forged";
    case ErrorCode::kWrongKey:
      return "wrong key";
    case ErrorCode::kNoRight:
      return "no right";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kInvalidArgument:
      return "invalid argument";
    case ErrorCode::kPermission:
      return "permission";
    case ErrorCode::kNoSpace:
      return "no space";
    case ErrorCode::kIo:
      return "input/output";
    case ErrorCode::kBusy:
      return "busy";
    case ErrorCode::kFenced:
      return "fenced";
    case ErrorCode::kInterrupted:
      return "interrupted";
    case ErrorCode::kArchived:
      return "archived";
    case ErrorCode::kStoreAway:
      return "store away";
  }
  return "unknown";
}

Error ErrnoError(int value, std::string_view context) {
  ErrorCode code = ErrorCode::kIo;
  bool transient = false;
  switch (value) {
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::kNotFound;
      break;
    case EEXIST:
      code = ErrorCode::kAlreadyExists;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = ErrorCode::kPermission;
      break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::kNoSpace;
      break;
    case EINTR:
    case EAGAIN:
    case ETIMEDOUT:
      transient = true;
      break;
    default:
      break;
  }
  Error error(code, fmt::format("{}: {}", context, std::generic_category().message(value)));
  error = std::move(error).WithErrno(value);
  if (transient) error = std::move(error).Transient();
  return error;
}

}  // namespace cairn
