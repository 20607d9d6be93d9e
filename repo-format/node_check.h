// Whether a node may be written.
#pragma once

#include "repo-format/node.h"

namespace cairn {

// kInvalidArgument where Node::Read would reject what stands in it; said of the field. Its content and its subtree are
// the writer's own, and are not looked at. SPEC section 10.3.
Result<void> CheckNode(const Node& node);

}  // namespace cairn
