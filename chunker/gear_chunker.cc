#include "chunker/gear_chunker.h"

#include <algorithm>

namespace cairn::chunker {
namespace {

__extension__ using Uint128 = unsigned __int128;

// floor(2^64 * numerator / denominator), at most 2^64 - 1.
uint64_t Share(uint64_t numerator, uint64_t denominator) {
  const Uint128 value = (static_cast<Uint128>(numerator) << 64) / denominator;
  return value > UINT64_MAX ? UINT64_MAX : static_cast<uint64_t>(value);
}

// Scans chunk lengths in (from, to] for the first at which the hash falls below the threshold; 0: none. Four bytes a
// turn: each hash needs the one before it, and taken by twos, h << 2 + (a << 1 + b), what has to wait is half as long.
uint32_t Scan(const uint8_t* data, uint32_t from, uint32_t to, uint64_t threshold, const uint64_t* table,
              uint64_t* hash) {
  uint64_t h = *hash;
  uint32_t i = from;
  for (; to - i >= 4; i += 4) {
    const uint64_t a = table[data[i]], b = table[data[i + 1]], c = table[data[i + 2]], d = table[data[i + 3]];
    const uint64_t h1 = (h << 1) + a, h2 = (h << 2) + ((a << 1) + b);
    const uint64_t h3 = (h2 << 1) + c, h4 = (h2 << 2) + ((c << 1) + d);
    if (h1 < threshold) [[unlikely]]
      return *hash = h1, i + 1;
    if (h2 < threshold) [[unlikely]]
      return *hash = h2, i + 2;
    if (h3 < threshold) [[unlikely]]
      return *hash = h3, i + 3;
    if (h4 < threshold) [[unlikely]]
      return *hash = h4, i + 4;
    h = h4;
  }
  for (; i < to; ++i) {
    h = (h << 1) + table[data[i]];
    if (h < threshold) [[unlikely]]
      return *hash = h, i + 1;
  }
  *hash = h;
  return 0;
}

}  // namespace

GearThresholds GearThresholds::From(const ChunkerParams& params) {
  const uint64_t gap = std::max<uint64_t>(params.size_average - params.size_min, 1);
  GearThresholds thresholds;
  thresholds.strict = Share(1, 4 * gap);
  thresholds.lax = Share(4, gap);
  thresholds.normal = params.size_min + static_cast<uint32_t>(gap * 57 / 64);
  return thresholds;
}

uint32_t FindCut(std::span<const uint8_t> data, const ChunkerParams& params, const GearThresholds& thresholds,
                 const GearTable& table, GearScan* scan) {
  const auto size = static_cast<uint32_t>(std::min<size_t>(data.size(), params.size_max));
  // Bytes before the last window of the minimum cannot decide about any cut: they are not looked at.
  uint32_t length = std::max(scan->length, params.size_min - kWindow);
  uint64_t hash = scan->hash;
  // The window fills up to the minimum less one byte; at the minimum itself the first cut may fall.
  const uint32_t fill_to = std::min(size, params.size_min - 1);
  for (; length < fill_to; ++length) hash = (hash << 1) + table[data[length]];

  uint32_t cut = 0;
  const uint32_t strict_to = std::min(size, thresholds.normal - 1);
  if (length >= params.size_min - 1 && length < strict_to) {
    cut = Scan(data.data(), length, strict_to, thresholds.strict, table.data(), &hash);
    length = strict_to;
  }
  if (cut == 0 && length >= params.size_min - 1 && length < size) {
    cut = Scan(data.data(), length, size, thresholds.lax, table.data(), &hash);
    length = size;
  }
  if (cut == 0 && size == params.size_max) cut = size;
  *scan = cut != 0 ? GearScan{} : GearScan{hash, std::min(length, size)};
  if (cut == 0 && size <= params.size_min - kWindow) *scan = GearScan{};
  return cut;
}

}  // namespace cairn::chunker
