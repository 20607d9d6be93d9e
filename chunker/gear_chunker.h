// Keyed gear chunking, normalised, with minimum skip. SPEC section 12.2.
#pragma once

#include <cstdint>
#include <span>

#include "chunker/gear_table.h"
#include "chunker/params.h"

namespace cairn::chunker {

// The integers that the parameters give. SPEC 12.2.
struct GearThresholds {
  uint64_t strict = 0;  // cut below it, before the normal point
  uint64_t lax = 0;     // and from it on
  uint32_t normal = 0;  // length of chunk from which the lax one counts
  static GearThresholds From(const ChunkerParams& params);
};

// Where a scan stands between two pieces of data of the same chunk.
struct GearScan {
  uint64_t hash = 0;
  uint32_t length = 0;  // bytes of the chunk that were looked at
};

// Looks on in `data`, which begins at the chunk's first byte and holds at least what was looked at before. The length
// of the chunk, or 0 where the data ends before a cut is known. Pure; safe for concurrent use.
uint32_t FindCut(std::span<const uint8_t> data, const ChunkerParams& params, const GearThresholds& thresholds,
                 const GearTable& table, GearScan* scan);

}  // namespace cairn::chunker
