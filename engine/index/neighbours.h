// Blobs that are likely to be asked for next: what was written together is asked for together.
#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "engine/index/index.h"

namespace cairn {

// Remembers what stands behind blobs of a pack that were asked for one after the other: a look-up in the order of a
// backup then needs no look into the table. What is asked for at random costs no more than without it. Safe for
// concurrent use. Memory: bytes_max, from the first Put on.
class Neighbours {
 public:
  static constexpr size_t kBytesABlob = 45;

  explicit Neighbours(uint64_t bytes_max);

  // Where it is, if that is remembered; `blob` is not filled.
  std::optional<BlobPlace> Find(const BlobId& id);

  // The table had it there. What stands from there on shall be put: in so many frames at most, and so many blobs. 0:
  // nothing.
  struct Step {
    uint32_t frames = 0;
    size_t blobs = 0;
  };
  Step NoteFound(const BlobPlace& place);
  // The blobs of a frame from `first` on, as many as the step has left; false when it is used up.
  bool Put(uint32_t pack, uint32_t frame, const FrameEntry& entry, uint32_t first, Step& step);
  void Clear();

 private:
  // Ids are hashes: some bytes of one say in which set of a few places it is, where the oldest goes first.
  struct Place {
    BlobId id;
    uint32_t pack = 0, frame = 0;
    uint32_t length = kEmpty;
  };
  static constexpr uint32_t kEmpty = UINT32_MAX;
  static constexpr size_t kSetPlaces = 8;
  using Position = std::pair<uint32_t, uint32_t>;  // frame, blob
  // A pack that is read along.
  struct Run {
    uint32_t pack = 0;
    Position begin, end;      // what was remembered last
    uint32_t frames = 0;      // of the last step
    uint32_t pause = 0;       // so many look-ups are left alone
    uint32_t pause_last = 0;  // where what is remembered is pushed out before it is asked for: twice as long each time
  };
  Run TakeRun(uint32_t pack, const Position& position);

  size_t SetOf(const BlobId& id) const { return std::hash<BlobId>()(id) % sets_; }
  void Remember(const Place& place);

  const size_t sets_, step_blobs_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<Place> places_;    // set by set
  std::vector<uint8_t> oldest_;  // of each set
  std::deque<Run> runs_;         // few; the latest first
};

}  // namespace cairn
