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

// Packs never change and no name is used twice, so that what is here is right for ever: a pack is taken in only where
// its SHA-256 is the one in its name (SPEC 8.1). Its file ends with a checksum, is read once by each process before it
// counts, and is fetched anew where it differs. What is kept is sealed, as it lies on the store. The oldest go where
// all are more than `bytes_max`.
//
// It answers for the store: who asks whether the store is whole (check, prune, repair) uses one of his own run
// (RunMetadata), or none. Safe for
// concurrent use by threads and processes. Borrows files and randomness. A folder that fails costs speed, no more.
class MetadataCache {
 public:
  // A pack is fetched whole, once in a process, when it is asked for a second time, or the first.
  enum class Fetches : uint8_t { kWholeWhenAskedAgain, kWholeAtOnce };
  MetadataCache(FileSystem& files, const Random& random, std::string folder, uint64_t bytes_max,
                Fetches fetches = Fetches::kWholeWhenAskedAgain)
      : files_(files), random_(random), folder_(std::move(folder)), bytes_max_(bytes_max), fetches_(fetches) {}

  // As ObjectStore::GetRange of a pack of `pack_bytes`.
  Result<Bytes> GetRange(ObjectStore& store, const PackName& pack, uint64_t pack_bytes, uint64_t offset, uint64_t size);
  // A pack that was just put.
  void Add(const PackName& pack, ByteSpan object);
  // What it gave was not right: this process asks the store from now on, the next ones too. False: it was not asked.
  bool Forget(const PackName& pack);

 private:
  enum class State : uint8_t { kMissedOnce, kNotHere, kHere };  // kNotHere: nor is it fetched whole again
  std::string PathOf(const PackName& pack) const;
  // Whether it is here, and right.
  bool Verify(const PackName& pack, uint64_t pack_bytes);
  void SetState(const PackName& pack, State state);
  void MakeRoom(uint64_t bytes);
  // Whether the caller shall fetch it whole now.
  bool TakesOver(const PackName& pack, uint64_t pack_bytes);

  FileSystem& files_;
  const Random& random_;
  const std::string folder_;
  const uint64_t bytes_max_;
  const Fetches fetches_;
  std::mutex mutex_;
  std::map<PackName, State> states_;  // guarded by mutex_; those that this process asked for
};

}  // namespace cairn
