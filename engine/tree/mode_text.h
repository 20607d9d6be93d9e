// Type and permissions as ls -l shows them.
#pragma once

#include <string>

#include "repo-format/node.h"

namespace cairn {

std::string ModeText(NodeType type, uint32_t mode);  // "drwxr-xr-x"

}  // namespace cairn
