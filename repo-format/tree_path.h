// Paths inside a snapshot: bytes, not text.
#pragma once

#include <string>

#include "repo-format/base/bytes.h"

namespace cairn {

// Names joined by "/", without one at the beginning or end; empty: the root itself.
using TreePath = Bytes;
TreePath JoinPath(const TreePath& folder, ByteSpan name);
std::string PathForPeople(ByteSpan path);  // bytes that are not printable UTF-8 as \xNN

}  // namespace cairn
