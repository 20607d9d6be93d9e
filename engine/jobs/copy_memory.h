// Which snapshots this machine has copied into a repository.
#pragma once

#include <map>
#include <optional>

#include "engine/repo/local_cache.h"

namespace cairn {

// A file in the target's local cache: pairs of the source's snapshot id and the copy's, 16 bytes each. An id is never
// used twice, and a snapshot never changes, so that a pair stays true; whether the copy is still there is for the
// caller to look up. May be lost, as all of the cache: a damaged file counts as empty. One thread. Borrows the cache.
class CopyMemory {
 public:
  explicit CopyMemory(LocalCache& cache) : cache_(cache) {}
  Result<void> Load();
  bool empty() const { return copies_.empty(); }
  std::optional<SnapshotId> Find(const SnapshotId& source) const;
  // Durable on return.
  Result<void> Add(const SnapshotId& source, const SnapshotId& copy);

 private:
  LocalCache& cache_;
  std::map<SnapshotId, SnapshotId> copies_;
};

}  // namespace cairn
