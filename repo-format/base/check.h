// CHECK: an invariant that only a bug of ours can break. It stays on in release builds and ends the process.
// Bytes that come from a disk, a network or a user are never a CHECK: they are an Error.
#pragma once

namespace cairn {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace cairn

#define CHECK(condition)                                    \
  do {                                                      \
    if (!(condition)) [[unlikely]] {                        \
      ::cairn::CheckFailed(__FILE__, __LINE__, #condition); \
    }                                                       \
  } while (false)
