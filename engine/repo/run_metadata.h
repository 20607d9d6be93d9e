// Metadata packs of a far store, fetched whole for one run that asks whether the store is right.
#pragma once

#include <memory>

#include "engine/env/random.h"
#include "engine/repo/local_cache.h"
#include "engine/repo/metadata_cache.h"

namespace cairn {

// A check walks every directory, and a request for each frame would take it hours over a long wire: each pack is got
// once, whole, compared with the SHA-256 in its name, and read from this machine's disk from then on. Nothing that an
// earlier run has left counts, and nothing is left for a later one: what was there is removed first.
class RunMetadata {
 public:
  // nullptr: another run of this machine is at it, or the folder fails; then the store is asked for each frame.
  static std::unique_ptr<RunMetadata> Begin(const LocalCache& cache, const Random& random);
  ~RunMetadata();

  MetadataCache& cache() { return cache_; }

 private:
  RunMetadata(FileSystem& files, const Random& random, std::string folder, std::unique_ptr<FileLock> lock);
  void Clear();

  FileSystem& files_;
  const std::string folder_;
  const std::unique_ptr<FileLock> lock_;
  MetadataCache cache_;
};

}  // namespace cairn
