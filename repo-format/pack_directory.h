// What is in a pack. SPEC section 8.2.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "repo-format/envelope.h"
#include "repo-format/ids.h"
#include "repo-format/object_header.h"
#include "repo-format/wire_reader.h"

namespace cairn {

// Never renumber.
enum class Codec : uint8_t { kStored = 0, kZstd = 1, kPadding = 255 };

using FrameCheck = std::array<uint8_t, 16>;  // first half of SHA-256 of the sealed frame

struct BlobEntry {
  BlobId id;
  uint32_t length = 0;  // plain bytes
  friend bool operator==(const BlobEntry&, const BlobEntry&) = default;
};

struct FrameEntry {
  uint32_t sealed_length = 0;
  uint32_t plain_length = 0;
  uint32_t session = 0;  // index into the sessions of the directory or segment that holds this
  Codec codec = Codec::kZstd;
  FrameCheck check{};
  std::vector<BlobEntry> blobs;

  void Write(WireWriter& writer) const;
  static FrameEntry Read(WireReader& reader, uint64_t session_count);
  friend bool operator==(const FrameEntry&, const FrameEntry&) = default;
};

struct PackSession {
  SessionId session;
  uint32_t epoch = 0;
  Suite suite = Suite::kAes256Gcm;
  Envelope envelope;  // of the content secret in data packs, of the metadata secret in metadata packs
  friend bool operator==(const PackSession&, const PackSession&) = default;
};

struct PackDirectory {
  std::vector<PackSession> sessions;
  std::vector<FrameEntry> frames;  // in the order of their place; a padding frame is the last
  std::vector<UnknownRecord> unknown;

  // Without the trailer of slot and signature, which the object sealer adds and takes away.
  Bytes Encode() const;
  static Result<PackDirectory> Parse(ByteSpan plain);
  // Sum of the sealed lengths: the directory begins at ObjectHeader::kSize + FrameBytes().
  uint64_t FrameBytes() const;
  friend bool operator==(const PackDirectory&, const PackDirectory&) = default;
};

}  // namespace cairn
