// What costs more than one stat of an entry: attributes, ACLs, flags, birth, link targets.
#pragma once

#include <string>
#include <vector>

#include "engine/source/source.h"

namespace cairn::files {

// FS_IOC_GETFLAGS bits that can be restored: SPEC 10.3, tag 12.
inline constexpr uint64_t kFlagImmutable = 0x10;
inline constexpr uint64_t kFlagAppend = 0x20;
inline constexpr uint64_t kFlagsKept = kFlagImmutable | kFlagAppend | 0x40 | 0x80 | 0x800000;

// Reads all but the names of owners. `folder` may be an O_PATH descriptor; `name` "." is the folder itself. Follows no
// link, does not block on a fifo, opens no device. What of it cannot be read is added to `problems`, and the rest is
// given; an Error means that the entry itself is gone or another.
Result<SourceMetadata> ReadSourceMetadata(int folder, const std::string& name, NodeType type,
                                          std::vector<std::string>& problems);

// Names of the extended attributes of an open file, or of `path` (its last name is not followed) where `fd` is -1.
Result<std::vector<std::string>> ListAttributes(int fd, const std::string& path);

}  // namespace cairn::files
