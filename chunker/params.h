// How a stream is cut. SPEC section 12.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace cairn::chunker {

// Never renumber.
enum class ChunkerKind : uint8_t { kFixed = 1, kGear = 2, kStrong = 3 };  // kStrong: reserved

inline constexpr uint32_t kWindow = 64;                    // bytes that decide about a cut
inline constexpr uint32_t kSizeMaxMax = 8u * 1024 * 1024;  // of size_max

// Sizes in bytes. The average need not be a power of two.
struct ChunkerParams {
  ChunkerKind kind = ChunkerKind::kGear;
  uint32_t size_min = 512 * 1024;
  uint32_t size_average = 1024 * 1024;
  uint32_t size_max = 8 * 1024 * 1024;

  // What is wrong with them; nothing where they can be used. kFixed: all three are equal.
  std::optional<std::string> Problem() const;
  // A kind that this program does not know (told apart from wrong numbers).
  bool IsUnsupported() const { return kind != ChunkerKind::kFixed && kind != ChunkerKind::kGear; }
};

}  // namespace cairn::chunker
