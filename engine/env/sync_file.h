// A file on to the disk, where its writer is none of FileSystem's.
#pragma once

#include <string>

#include "repo-format/base/result.h"

namespace cairn {

// Of a file that the caller has open: its bytes, owner and mode survive a power cut from the return on. `path` is for
// the Error.
Result<void> SyncFile(int descriptor, const std::string& path);
// The same of all that is on the disk of a file or folder that the caller has open.
Result<void> SyncDiskOf(int descriptor, const std::string& path);

}  // namespace cairn
