// The names in a folder, as the system lists them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string_view>
#include <vector>

#include "repo-format/node.h"

namespace cairn::files {

struct FolderName {
  Bytes name;
  ino_t inode = 0;
  std::optional<NodeType> type;  // where the listing says it
};

// All names but "." and "..", in no order. `folder` may be an O_PATH descriptor.
Result<std::vector<FolderName>> ReadFolderNames(int folder);

inline constexpr std::string_view kCacheTagName = "CACHEDIR.TAG";
// Is there a tag that begins with the signature of its standard (https://bford.info/cachedir/)?
bool IsCacheTag(int folder);

}  // namespace cairn::files
