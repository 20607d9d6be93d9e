// The 96 bytes in clear at the beginning of every object. SPEC section 6.1.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"
#include "repo-format/ids.h"

namespace cairn {

// Never renumber.
enum class ObjectKind : uint8_t {
  kConfig = 1,
  kKeyObject = 2,
  kDataPack = 3,
  kMetadataPack = 4,
  kSegment = 5,
  kSession = 6,
  kSessionEnd = 7,
  kSignOfLife = 8,
  kSnapshot = 9,
  kFence = 10,
  kTombstone = 11,
  kSeenList = 12,
  kNote = 13,
  kForgotten = 14,
  kParity = 15,  // reserved
  kDeleted = 16,
  kJournal = 17,  // reserved, as what follows
  kLedger = 18,
  kCommit = 19,
};
std::string_view Name(ObjectKind kind);

// Never renumber.
enum class Suite : uint8_t { kAes256Gcm = 1, kChaCha20Poly1305 = 2 };
std::string_view Name(Suite suite);
Result<Suite> ParseSuite(uint8_t number);  // kUnsupported

using RawId = std::array<uint8_t, 16>;

struct ObjectHeader {
  static constexpr size_t kSize = 96;
  static constexpr uint8_t kMajorVersion = 1;

  ObjectKind kind = ObjectKind::kConfig;
  FamilyId family;
  uint32_t epoch = 0;
  uint16_t domain = 0;
  Suite suite = Suite::kAes256Gcm;
  RawId name{};  // zero for packs and tombstones
  RawId salt{};
  uint64_t body_length = 0;

  std::array<uint8_t, kSize> Encode() const;
  // Takes the first 96 bytes of `object`; checks in the order of SPEC 6.1 what needs no knowledge of the repository.
  static Result<ObjectHeader> Parse(ByteSpan object);
};

template <class IdType>
RawId ToRawId(const IdType& id) {
  static_assert(IdType::kSize == 16);
  RawId raw{};
  std::copy(id.bytes().begin(), id.bytes().end(), raw.begin());
  return raw;
}

}  // namespace cairn
