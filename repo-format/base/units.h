// Sizes in bytes, written as people say them.
#pragma once

#include <cstdint>

namespace cairn {

inline constexpr uint64_t kKiB = uint64_t{1} << 10;
inline constexpr uint64_t kMiB = uint64_t{1} << 20;
inline constexpr uint64_t kGiB = uint64_t{1} << 30;

}  // namespace cairn
