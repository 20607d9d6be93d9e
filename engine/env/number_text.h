// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace cairn {

std::string HumanBytes(uint64_t bytes);      // "1.5 MiB"
std::string HumanCount(uint64_t count);      // "12,345"
std::string HumanSeconds(uint64_t seconds);  // "1:02:03", "0:07"

}  // namespace cairn
