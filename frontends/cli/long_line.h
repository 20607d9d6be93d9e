// An entry as a line of `ls -l`.
#pragma once

#include <string>

#include "repo-format/node.h"

namespace cairn {

// `human_sizes`: "1.5 MiB"; else bytes.
std::string LongLine(const Node& node, const std::string& path, bool human_sizes);

}  // namespace cairn
