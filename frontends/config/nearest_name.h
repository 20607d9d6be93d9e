// The name that somebody may have meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn {

// The one of these that differs least, by letters that are added, left out, changed or exchanged with their neighbour;
// "" where none is near.
std::string NearestName(std::string_view text, const std::vector<std::string>& names);

}  // namespace cairn
