// Where a stream is cut. SPEC section 12.
#pragma once

#include <cstdint>
#include <span>

#include "chunker/gear_chunker.h"

namespace cairn::chunker {

// Finds the cuts of one stream after another; the bytes are the caller's. The cuts depend on the bytes alone, not on
// the pieces in which they come. Borrows the table. One thread at a time.
class Cutter {
 public:
  // `params` can be used (Problem() is nothing); kFixed ignores the table.
  Cutter(const ChunkerParams& params, const GearTable& table);

  // The length of the chunk that `data` begins with; 0: it takes more bytes to tell, which happens neither with
  // size_max() of them nor where the stream ends with `data`. Then `data` is asked for again with more bytes behind it.
  uint32_t Next(std::span<const uint8_t> data, bool ends);
  // The largest chunk at this place of the stream.
  uint32_t size_max() const { return grown_.size_max; }
  // A stream begins, at an offset of its own.
  void Reset(uint64_t offset = 0);

 private:
  void Grow();

  const ChunkerParams params_;
  const GearTable* const table_;
  ChunkerParams grown_;  // for the offset: SPEC 12.4
  GearThresholds thresholds_;
  uint64_t offset_ = 0;    // of the chunk
  uint64_t grows_at_ = 0;  // from this offset on chunks are larger
  GearScan scan_;
};

}  // namespace cairn::chunker
