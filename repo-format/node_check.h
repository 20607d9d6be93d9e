// Whether a node may be written.
#pragma once

#include "repo-format/node.h"

namespace cairn {

// File system flags that can be restored: SPEC 10.3, tag 12.
inline constexpr uint64_t kFlagsKnown = 0x20 | 0x10 | 0x40 | 0x80 | 0x800000;

// kInvalidArgument where Node::Read would reject what stands in it; said of the field. Its content and its subtree are
// the writer's own, and are not looked at. SPEC section 10.3.
Result<void> CheckNode(const Node& node);

}  // namespace cairn
