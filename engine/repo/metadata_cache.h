// Metadata packs of a far store, kept on this machine: trees are walked again and again, a frame after the other.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "engine/env/file_system.h"
#include "engine/env/random.h"
#include "engine/store/object_store.h"

namespace cairn {

// Packs never change and no name is used twice, so that what is here is right for ever; but for a disk that breaks: a
// file ends with a checksum, is read once by each process before it counts, and is fetched anew where it differs. What
// is kept is sealed, as it lies on the store. The oldest go where all are more than `bytes_max`.
//
// It answers for the store: who asks whether the store is whole (check, prune, repair) must not use it. Safe for
// concurrent use by threads and processes. Borrows files and randomness. A folder that fails costs speed, no more.
class MetadataCache {
 public:
  MetadataCache(FileSystem& files, const Random& random, std::string folder, uint64_t bytes_max)
      : files_(files), random_(random), folder_(std::move(folder)), bytes_max_(bytes_max) {}

  // As ObjectStore::GetRange of a pack of `pack_bytes`. What is asked for a second time is fetched whole, and kept.
  Result<Bytes> GetRange(ObjectStore& store, const ObjectName& name, uint64_t pack_bytes, uint64_t offset,
                         uint64_t size);
  // A pack that was just put.
  void Add(const ObjectName& name, ByteSpan object);

 private:
  enum class State : uint8_t { kMissedOnce, kBeingFetched, kHere };
  std::string PathOf(const ObjectName& name) const;
  // Whether it is here, and right.
  bool Verify(const ObjectName& name, uint64_t pack_bytes);
  void SetState(const ObjectName& name, State state);
  void MakeRoom(uint64_t bytes);
  // Whether the caller shall fetch it whole now.
  bool TakesOver(const ObjectName& name, uint64_t pack_bytes);

  FileSystem& files_;
  const Random& random_;
  const std::string folder_;
  const uint64_t bytes_max_;
  std::mutex mutex_;
  std::map<ObjectName, State> states_;  // guarded by mutex_; those that this process asked for
};

}  // namespace cairn
