// What a slot may hold and sign, and the five roles. SPEC section 5.1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "repo-format/base/result.h"
#include "repo-format/object_header.h"

namespace cairn {

// Bits. Never renumber.
struct Rights {
  static constexpr uint32_t kContentKey = 1u << 0;
  static constexpr uint32_t kMetadataKey = 1u << 1;
  static constexpr uint32_t kDataIdKey = 1u << 2;
  static constexpr uint32_t kMetadataIdKey = 1u << 3;
  static constexpr uint32_t kCommonKeys = 1u << 4;  // index, chunking, pre-shared
  static constexpr uint32_t kWrite = 1u << 8;       // signs sessions, packs, segments, snapshots of its own
  static constexpr uint32_t kMaintain = 1u << 9;    // signs tombstones, fences, notes, removed lists ...
  static constexpr uint32_t kOwn = 1u << 31;        // holds the root seed

  uint32_t bits = 0;
  bool Has(uint32_t wanted) const { return (bits & wanted) == wanted; }
  friend bool operator==(const Rights&, const Rights&) = default;
};

inline constexpr Rights kWriterRights{0x0000011c};
inline constexpr Rights kListerRights{0x0000001a};
inline constexpr Rights kMaintainerRights{0x0000021a};
inline constexpr Rights kReaderRights{0x0000001f};
inline constexpr Rights kOwnerRights{0x8000031f};

// "writer", "lister", "maintainer", "reader", "owner"; else kInvalidArgument.
Result<Rights> ParseRole(std::string_view role);
// The role's name, or "custom (0x...)".
std::string RoleName(Rights rights);
// May a slot with these rights sign an object of this kind? SPEC 6.2.
bool MaySign(Rights rights, ObjectKind kind);

}  // namespace cairn
