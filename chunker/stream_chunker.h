// Cuts a stream that arrives in pieces. SPEC section 12.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "chunker/gear_chunker.h"

namespace cairn::chunker {

// The cuts depend on the bytes alone, not on the pieces in which they come. One thread at a time. Memory: twice
// size_max and the largest piece. A stream: Append and Next in turn, then Finish and Next until there is nothing; then
// Reset for another one.
class StreamChunker {
 public:
  // `params` can be used (Problem() is nothing); kFixed ignores the table.
  StreamChunker(const ChunkerParams& params, const GearTable& table);

  // Copies a piece. Call Next until it gives nothing before the next piece.
  void Append(std::span<const uint8_t> piece);
  // The stream has ended: what is left is the last chunk.
  void Finish() { finished_ = true; }
  // The next chunk, or nothing until more is appended. Valid until the next call of any other function.
  std::optional<std::span<const uint8_t>> Next();
  void Reset();

 private:
  uint32_t CutLength(std::span<const uint8_t> data);

  const ChunkerParams params_;
  const GearThresholds thresholds_;
  const GearTable table_;
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0, end_ = 0;  // of what is not given out yet
  GearScan scan_;
  bool finished_ = false;
};

}  // namespace cairn::chunker
