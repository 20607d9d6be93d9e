// Decides into which pack a frame goes. SPEC section 8.5.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/pack/pack_writer.h"

namespace cairn {

struct PackLimits {
  uint64_t pack_bytes = 0;  // of frames, at which a pack is full,
  uint64_t pack_blobs_max = 0;
  uint64_t object_bytes_max = UINT64_MAX;  // with all: no frame is added to a pack that would be larger
};

// Fills packs of one kind to one size, or with so many blobs; from the second pack on, frames go at random to one of
// two open packs. Safe for concurrent use; `finished` is called without a lock held, on the thread whose frame filled
// the pack, and may be called by several threads at once. Memory: two drafts of the store, which is asked for them
// (of pack_bytes, where it keeps them in memory), with some 100 bytes a blob, and those inside `finished`. After an
// Error what was added need not be in any pack.
class PackAssembler {
 public:
  using Finished = std::function<Result<void>(FinishedPack)>;
  // Borrows sealer, random and store.
  PackAssembler(BlobKind kind, const ObjectSealer& sealer, const Random& random, ObjectStore& store,
                const PackLimits& limits, Finished finished);

  // Each pack names this session too, whosever its frames are. Before the first frame.
  void SetPutter(const PackSession& session) { putter_ = session; }
  Result<void> Add(const PackSession& session, FrameEntry entry, ByteSpan sealed);
  // Finishes what is open, padded. Afterwards it may be used again.
  Result<void> Flush();

 private:
  using OpenPack = std::unique_ptr<PackWriter>;
  // Its lock is held while a frame is written, which may be to a disk: frames stand in a pack one behind the other.
  struct Slot {
    std::mutex mutex;
    OpenPack pack;  // guarded by mutex; null: not begun
  };
  bool Takes(const OpenPack& pack, const FrameEntry& entry) const;
  // Where this frame goes. Where both hold one of its blobs, or have no room, one pack makes way, into `full`.
  struct Chosen {
    Slot* slot;
    std::unique_lock<std::mutex> lock;
  };
  Chosen Choose(const FrameEntry& entry, std::vector<OpenPack>& full);
  void Close(OpenPack& pack, std::vector<OpenPack>& full);
  Result<void> AddTo(OpenPack& pack, const PackSession& session, FrameEntry entry, ByteSpan sealed);
  Result<void> Finish(const std::vector<OpenPack>& packs) const;  // padded where they are not full by their bytes

  const BlobKind kind_;
  const ObjectSealer& sealer_;
  const Random& random_;
  ObjectStore& store_;
  const PackLimits limits_;
  const Finished finished_;
  std::optional<PackSession> putter_;
  std::array<Slot, 2> slots_;             // the second is used from the second pack on
  std::atomic<bool> first_done_ = false;  // the first pack
};

}  // namespace cairn
