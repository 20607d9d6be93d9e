#include "engine/env/sync_file.h"

#include <unistd.h>

#include <cerrno>

namespace cairn {

Result<void> SyncFile(int descriptor, const std::string& path) {
  while (::fsync(descriptor) != 0) {
    if (errno != EINTR) return ErrnoError(errno, "syncing " + path);
  }
  return {};
}

Result<void> SyncDiskOf(int descriptor, const std::string& path) {
  return ::syncfs(descriptor) == 0 ? Result<void>() : ErrnoError(errno, "syncing the disk of " + path);
}

}  // namespace cairn
