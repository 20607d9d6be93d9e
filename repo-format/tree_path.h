// Paths inside a snapshot: bytes, not text.
#pragma once

#include <string>

#include "repo-format/base/bytes.h"

namespace cairn {

// Names joined by "/", without one at the beginning or end; empty: the root itself.
using TreePath = Bytes;
TreePath JoinPath(const TreePath& folder, ByteSpan name);
// `path` as it is called inside `folder`, which it is, or is in.
TreePath PathBelow(const TreePath& path, const TreePath& folder);
std::string PathForPeople(ByteSpan path);  // bytes that are not printable UTF-8 as \xNN

}  // namespace cairn
