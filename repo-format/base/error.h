// What went wrong, for whom, and whether trying again may help.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace cairn {

// Who reacts stands beside each code.
enum class ErrorCode : uint8_t {
  kNotFound,       // the named thing is absent: the caller
  kAlreadyExists,  // PutIfAbsent onto a filled name: the protocol (often fine)
  kCorrupt,        // bytes break SPEC, or a hash, tag or signature differs: check counts it, restore goes on beside it
  kForged,         // bytes are whole but signed by a slot without the right, or by nobody known: told as an attack
  kWrongKey,       // a password or key that does not open: the frontend asks again
  kNoRight,        // this slot's role does not hold the key or right that is needed: the frontend names the role
  kUnsupported,    // a version, feature bit, algorithm or critical tag that this program does not know: upgrade
  kInvalidArgument,  // what the caller or user gave: the frontend
  kPermission,       // the system said no
  kNoSpace,          // a full disk or quota: the frontend says what to free
  kIo,               // the system failed; `transient` says whether trying again may help
  kBusy,             // a conflict that a later run resolves: the job
  kFenced,           // the session was taken for dead: the job begins a new one
  kInterrupted,      // stop was asked for: not a failure; the job unwinds, the frontend exits with 130
  kArchived,         // in an archive of the store, which has to bring it back before it is read: the user asks for that
  kStoreAway,        // the store gave what was read before, and gives nothing any more: the job ends
};

std::string_view Name(ErrorCode code);
// Whether the thing itself is gone or broken: to try again, or with another key or program, gives the same. Only of
// such a thing may a repair take leave.
inline bool IsLoss(ErrorCode code) {
  return code == ErrorCode::kNotFound || code == ErrorCode::kCorrupt || code == ErrorCode::kForged;
}

// Whether it is there, and not what was written.
inline bool IsDamage(ErrorCode code) { return code == ErrorCode::kCorrupt || code == ErrorCode::kForged; }

// Whether whatever comes next fails as well, and nothing is said of the thing that was asked for: the job ends.
inline bool EndsJob(ErrorCode code) { return code == ErrorCode::kInterrupted || code == ErrorCode::kStoreAway; }

// An error with its story: message first, context added outward ("loading segment 3fa2...: ...").
// Texts are lower case, without a full stop, name the object and both sides, and never hold a secret.
class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  bool transient() const { return transient_; }
  int system_errno() const { return system_errno_; }  // 0: none

  // By value, not by reference: `error = std::move(error).While(...)` and `auto&& e = F().While(...)` are both safe.
  Error Transient() && {
    transient_ = true;
    return std::move(*this);
  }
  Error WithErrno(int value) && {
    system_errno_ = value;
    return std::move(*this);
  }
  // Adds context in front: Error("x").While("reading a") says "reading a: x".
  Error While(std::string_view context) && {
    message_ = fmt::format("{}: {}", context, message_);
    return std::move(*this);
  }

 private:
  ErrorCode code_;
  bool transient_ = false;
  int system_errno_ = 0;
  std::string message_;
};

// Error from errno with the matching code: ENOENT kNotFound, EEXIST kAlreadyExists, EACCES EPERM EROFS kPermission,
// ENOSPC EDQUOT kNoSpace, EINTR EAGAIN ETIMEDOUT transient kIo, else kIo.
Error ErrnoError(int value, std::string_view context);

template <class... Args>
Error MakeError(ErrorCode code, fmt::format_string<Args...> text, Args&&... args) {
  return Error(code, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
Error Corrupt(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ErrorCode::kCorrupt, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace cairn
