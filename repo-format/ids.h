// Names of things, each a type of its own: no conversion between them. SPEC section 4.
#pragma once

#include <array>
#include <compare>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

// N bytes that name something of kind Tag. A plain value; ordered as unsigned bytes from the first on.
// Parse and ToHex are inverses (2 N lower-case hexadecimal digits).
template <class Tag, size_t N>
class Id {
 public:
  static constexpr size_t kSize = N;

  Id() = default;  // all zero
  explicit Id(const std::array<uint8_t, N>& bytes) : bytes_(bytes) {}

  // `bytes` holds exactly N bytes: a CHECK, for the caller has read them with their length.
  static Id FromBytes(ByteSpan bytes) {
    CHECK(bytes.size() == N);
    Id id;
    std::memcpy(id.bytes_.data(), bytes.data(), N);
    return id;
  }
  static Result<Id> Parse(std::string_view hex) {
    const auto bytes = FromHex(hex);
    if (!bytes || bytes->size() != N) {
      return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is not a {} id: expected {} lower-case hexadecimal digits",
                       hex, Tag::kName, 2 * N);
    }
    return FromBytes(*bytes);
  }

  ByteSpan bytes() const { return bytes_; }
  MutableByteSpan mutable_bytes() { return bytes_; }
  std::string ToHex() const { return cairn::ToHex(bytes_); }
  std::string Short() const { return cairn::ToHex(bytes()).substr(0, 8); }  // for people
  bool IsZero() const { return *this == Id(); }

  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  std::array<uint8_t, N> bytes_{};
};

struct BlobIdTag {
  static constexpr std::string_view kName = "blob";
};
struct SessionIdTag {
  static constexpr std::string_view kName = "session";
};
struct SegmentIdTag {
  static constexpr std::string_view kName = "segment";
};
struct SlotIdTag {
  static constexpr std::string_view kName = "slot";
};
struct KeyIdTag {
  static constexpr std::string_view kName = "key";
};
struct FamilyIdTag {
  static constexpr std::string_view kName = "key family";
};
struct RepositoryIdTag {
  static constexpr std::string_view kName = "repository";
};
struct ObjectIdTag {
  static constexpr std::string_view kName = "object";
};
struct DigestTag {
  static constexpr std::string_view kName = "SHA-256";
};

using BlobId = Id<BlobIdTag, 32>;              // HMAC-SHA-256 of the plaintext under an id key
using SessionId = Id<SessionIdTag, 16>;        // random
using SnapshotId = SessionId;                  // a snapshot bears the name of the session that commits it
using SegmentId = Id<SegmentIdTag, 16>;        // random
using SlotId = Id<SlotIdTag, 16>;              // random
using KeyId = Id<KeyIdTag, 16>;                // random
using FamilyId = Id<FamilyIdTag, 16>;          // random
using RepositoryId = Id<RepositoryIdTag, 16>;  // random
using ObjectId = Id<ObjectIdTag, 16>;          // notes, forgotten records, seen lists: the name in the object's header
using Digest = Id<DigestTag, 32>;              // SHA-256

// The full name of a pack: the SHA-256 of its bytes, and 8 random bytes of this put, so that no name is used twice.
// Text form "<64 hex>-<16 hex>". SPEC section 4.
struct PackName {
  Digest digest;
  std::array<uint8_t, 8> put{};

  static constexpr size_t kSize = 40;
  static Result<PackName> Parse(std::string_view text);
  std::string ToString() const;
  std::string Short() const { return digest.Short(); }

  friend auto operator<=>(const PackName&, const PackName&) = default;
};

// What a blob is: file bytes (and other data), or trees and lists. Numbers are those of pack kinds in SPEC section 8.
// Never renumber.
enum class BlobKind : uint8_t { kData = 1, kMetadata = 2 };

std::string_view Name(BlobKind kind);

}  // namespace cairn

template <class Tag, size_t N>
struct std::hash<cairn::Id<Tag, N>> {
  size_t operator()(const cairn::Id<Tag, N>& id) const noexcept {
    size_t value;  // ids are hashes or random: any eight bytes will do
    std::memcpy(&value, id.bytes().data(), sizeof(value));
    return value;
  }
};
template <>
struct std::hash<cairn::PackName> {
  size_t operator()(const cairn::PackName& name) const noexcept {
    return std::hash<cairn::Digest>()(name.digest) ^ static_cast<size_t>(name.put[0]) << 8 ^ name.put[7];
  }
};
