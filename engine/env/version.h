// How this program names itself, in what it stores and to people.
#pragma once

#include <string_view>

namespace cairn {

inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kProgram = "cairn 0.1.0";

}  // namespace cairn
