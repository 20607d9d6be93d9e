// Rows of the derived copy: what its keys and values look like. Private to engine/index; SPEC says nothing of it.
//
// family    key                              value
// blobs     blob id 32, pack number BE32     v frame, v blob, v length
// packs     pack number BE32                 PackRow
// frames    pack number BE32, frame BE32     FrameRow; at frame 0xffffffff: the sessions that its frames count in
// segments  segment id 16                    SegmentRow
// default   "copy"                           layout number, repository; "next": the next pack number;
//                                            "generation": IndexGeneration
#pragma once

#include <array>
#include <span>
#include <utility>
#include <vector>

#include "engine/index/index.h"
#include "engine/index/pack_digest.h"
#include "repo-format/index_segment.h"

namespace cairn::index_rows {

// Counts every change of what is below; a copy of another layout is thrown away.
inline constexpr uint32_t kLayout = 4;
inline constexpr uint32_t kSessionsFrame = 0xffff'ffff;

struct PackRow {
  PackName name;
  PackDigest digest{};  // of what its rows were made from
  BlobKind kind = BlobKind::kData;
  bool complete = false;  // all rows of its frames and blobs are there
  uint64_t size = 0;
  uint32_t frame_count = 0;
  uint64_t blob_count = 0;

  Bytes Encode() const;
  static Result<PackRow> Parse(ByteSpan bytes);
};

struct FrameRow {
  uint64_t offset = 0;
  FrameEntry entry;  // `session` counts in the pack's sessions

  Bytes Encode() const;
  static Result<FrameRow> Parse(ByteSpan bytes);
};

struct SegmentRow {
  std::vector<std::pair<PackName, PackDigest>> packs;
  std::vector<PackName> removed;
  std::vector<RetiredFrame> retired;

  Bytes Encode() const;
  static Result<SegmentRow> Parse(ByteSpan bytes);
};

Bytes EncodeSessions(std::span<const PackSession> sessions);
Result<std::vector<PackSession>> ParseSessions(ByteSpan bytes);

Bytes EncodeCopy(const RepositoryId& repository);

using BlobKey = std::array<uint8_t, BlobId::kSize + 4>;
BlobKey ToBlobKey(const BlobId& id, uint32_t pack);
// Of all that a backup writes here, most are these: no allocation.
struct BlobValue {
  std::array<uint8_t, 15> bytes{};
  size_t size = 0;
};
BlobValue ToBlobValue(uint32_t frame, uint32_t blob, uint32_t length);
struct BlobRow {
  BlobId id;
  BlobPlace place;
};
Result<BlobRow> ParseBlobRow(ByteSpan key, ByteSpan value);

using FrameKey = std::array<uint8_t, 8>;
FrameKey ToFrameKey(uint32_t pack, uint32_t frame);
using NumberKey = std::array<uint8_t, 4>;
NumberKey ToNumberKey(uint32_t number);
Result<uint32_t> ParseNumber(ByteSpan bytes);  // the first four bytes

}  // namespace cairn::index_rows
