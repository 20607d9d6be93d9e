// What a window of files, and a part of a large one, is made of. Only for file_restorer.cc, restore_plan.cc,
// restore_fetch.cc and restore_place.cc.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "engine/jobs/file_restorer.h"

namespace cairn {

inline constexpr uint64_t kRangeBytesMax = 8 * kMiB;
inline constexpr uint64_t kRangeBytesMaxFar = 20 * kMiB;  // a whole pack
inline constexpr uint64_t kRangeGapMax = 64 * kKiB;       // cheaper to read over than to ask again
inline constexpr uint64_t kRangeGapMaxFar = kMiB;         // where no more than a part of the range is read over
inline constexpr uint64_t kRangePartReadOver = 16;

// An error that the repository is not to be blamed for, and of which nothing is told.
inline bool IsStop(const Error& error) { return error.code() == ErrorCode::kInterrupted; }
inline bool IsOfStore(const Error& error) {
  return error.code() == ErrorCode::kArchived || error.code() == ErrorCode::kStoreAway;
}

struct FileRestorer::OpenFile {
  FilePlan plan;
  std::mutex mutex;                // one thread at a time writes a file; whoever finishes it is alone with it
  std::unique_ptr<SinkFile> file;  // guarded by mutex; nothing until there is something to write
  bool failed = false;             // guarded by mutex
  bool refused = false;            // guarded by mutex: by the target, which is asked for no more of it
  bool is_planned = false;         // guarded by mutex: nothing more will be wanted
  uint64_t wanted = 0;             // guarded by mutex: bytes that are to be written
  uint64_t written = 0;            // guarded by mutex
  bool is_finished = false;        // by the one thread that finishes it
};

struct FileRestorer::Fetch {
  BlobLocation location;       // without `frame` where too many would be held: the index is asked again
  uint32_t sealed_length = 0;  // of the frame
  std::vector<Want> wants;

  // What this takes, or gives back, in bytes.
  uint64_t Hold(const BlobLocation& found) {
    location = found;
    sealed_length = found.frame->sealed_length;
    return found.frame->blobs.size() * sizeof(BlobEntry);
  }
  uint64_t Drop() { return std::exchange(location.frame, nullptr)->blobs.size() * sizeof(BlobEntry); }
  const std::vector<BlobEntry>& blobs() const { return location.frame->blobs; }
  void Add(Want want, uint32_t blob) {
    want.blob = blob;
    wants.push_back(want);
  }
  // Which of its blobs are wanted, each once, ascending.
  std::vector<uint32_t> Wanted() const {
    std::vector<uint32_t> numbers;
    for (const Want& want : wants) numbers.push_back(want.blob);
    std::ranges::sort(numbers);
    numbers.erase(std::ranges::unique(numbers).begin(), numbers.end());
    return numbers;
  }
};

struct FileRestorer::Range {
  uint64_t offset = 0, size = 0;
  uint64_t read_over = 0;  // of these, bytes that nobody wants
  std::vector<Fetch> fetches;

  // Whether a frame that lies behind it may be asked for together with it.
  bool Joins(uint64_t begin, uint64_t end, bool is_far) const {
    if (begin < offset + size || end - offset > (is_far ? kRangeBytesMaxFar : kRangeBytesMax)) return false;
    const uint64_t gap = begin - (offset + size);
    if (gap <= kRangeGapMax) return true;
    return is_far && gap <= kRangeGapMaxFar && read_over + gap <= (end - offset) / kRangePartReadOver;
  }
  void Join(uint64_t begin, uint64_t end) {
    read_over += begin - (offset + size);
    size = end - offset;
  }
};

struct FileRestorer::Window {
  std::vector<std::unique_ptr<OpenFile>> files;  // none in a part: they are of the window that ends them
  bool is_part = false;                          // of the next window behind it that is none
  bool has_parts = false;                        // that run already: it ends with the file they are of
  std::vector<Want> wants;                       // until it is planned
  std::vector<Range> ranges;                     // then; what the tasks work on
  size_t running = 0;                            // tasks; guarded by mutex_, as the rest
  bool is_begun = false;                         // somebody hands its ranges out
  bool is_fed = false;                           // and is done with that
  Result<void> stopped;                          // what kept ranges back
};

}  // namespace cairn
