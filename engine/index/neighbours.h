// Blobs that are likely to be asked for next: what was written together is asked for together.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/index/index.h"

namespace cairn {

// Remembers frames of which several blobs were asked for, and those behind them: a look-up in the order of a backup
// then needs no look into the table. What is asked for at random costs no more than without it. Safe for concurrent
// use. Memory: about bytes_max.
class Neighbours {
 public:
  explicit Neighbours(uint64_t bytes_max);

  // Where it is, if that is remembered; `blob` is not filled.
  std::optional<BlobPlace> Find(const BlobId& id);

  // The table had it there. So many frames from `first` on shall be remembered by Put; 0: none.
  struct Ahead {
    uint32_t first = 0, count = 0;
  };
  Ahead NoteFound(const BlobPlace& place);
  void Put(uint32_t pack, uint32_t frame, const FrameEntry& entry);
  void Clear();

 private:
  struct Place {
    uint32_t pack = 0, frame = 0, length = 0;
  };
  // A pack that is read along.
  struct Run {
    uint32_t pack = 0;
    uint32_t first = 0, end = 0;  // frames that were remembered last, or the one that was asked for
    uint32_t count = 0;           // of frames in the next step
  };

  const size_t blobs_max_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::unordered_map<BlobId, Place> places_;
  std::deque<BlobId> order_;  // of remembering: the oldest goes first
  std::deque<Run> runs_;      // few; the latest first
};

}  // namespace cairn
