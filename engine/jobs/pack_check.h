// Reads packs whole and verifies all that this role can.
#pragma once

#include <mutex>
#include <unordered_set>
#include <vector>

#include "engine/jobs/check.h"
#include "engine/repo/blob_reader.h"

namespace cairn {

// What is known to be bad: fills up while packs are checked. Safe for concurrent use.
class BadBlobs {
 public:
  void Add(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    ids_.insert(id);
  }
  void Clear() {
    const std::lock_guard lock(mutex_);
    ids_.clear();
  }
  bool Has(const BlobId& id) const {
    const std::lock_guard lock(mutex_);
    return ids_.contains(id);
  }
  bool empty() const {
    const std::lock_guard lock(mutex_);
    return ids_.empty();
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<BlobId> ids_;  // guarded by mutex_
};

// What the index says of a pack must be what its directory says: a wrong entry, which who holds a writer's key can
// publish, hides blobs (SPEC section 9). kCorrupt tells the first difference.
Result<void> CompareEntry(const PackDirectory& directory, const std::vector<IndexedFrame>& frames);

// What one read of a pack gave: what is wrong with it, and the numbers of the frames that it hits. One bad read is no
// proof: a prune may have moved what is in it since the index was read, and the next read may be right.
struct PackVerdict {
  std::optional<Error> error;           // nothing: it is good; what is no loss (IsLoss) comes before what is
  std::vector<uint32_t> bad_frames;     // broken or gone
  std::vector<uint32_t> unread_frames;  // not read for another reason, which says nothing of their bytes
  bool entry_is_wrong = false;          // the pack is good, and the index describes it otherwise
};

// The whole pack, under the prefix of either kind, verified: SHA-256 against its name, header, directory and its
// signature, every frame's check, the index's entry against the directory; and where this role can open frames, every
// frame and every blob's id. It is read into `object`, whose memory the next one uses again.
PackVerdict CheckPack(Repository& repository, const IndexedPack& pack, const std::vector<IndexedFrame>& frames,
                      BlobReader& reader, bool* ids_checked, Bytes& object);

}  // namespace cairn
