// The keyed table of the gear hash. SPEC section 12.1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace cairn::chunker {

// A plain value, immutable. Who knows the table can tell where a file would be cut, so it is as secret as its key.
class GearTable {
 public:
  static constexpr size_t kMaterialSize = 256 * sizeof(uint64_t);

  // 256 little-endian u64, made from the chunking key by the caller (SPEC 12.1).
  static GearTable FromMaterial(std::span<const uint8_t, kMaterialSize> material);

  uint64_t operator[](uint8_t byte) const { return table_[byte]; }
  const uint64_t* data() const { return table_.data(); }

 private:
  std::array<uint64_t, 256> table_{};
};

}  // namespace cairn::chunker
