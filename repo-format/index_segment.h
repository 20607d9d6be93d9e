// Which blobs are in which packs: what is stored of the index. SPEC section 9.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "repo-format/pack_directory.h"

namespace cairn {

struct SegmentSession {
  SessionId session;
  uint32_t epoch = 0;
  Suite suite = Suite::kAes256Gcm;
  std::optional<Envelope> content, metadata;  // at least one
  friend bool operator==(const SegmentSession&, const SegmentSession&) = default;
};

struct SegmentPack {
  PackName name;
  BlobKind kind = BlobKind::kData;
  uint64_t size = 0;               // bytes of the object
  std::vector<FrameEntry> frames;  // FrameEntry::session counts in the segment's sessions
  friend bool operator==(const SegmentPack&, const SegmentPack&) = default;
};

struct RetiredFrame {
  PackName pack;
  uint32_t frame = 0;
  friend auto operator<=>(const RetiredFrame&, const RetiredFrame&) = default;
};

struct IndexSegment {
  uint8_t level = 0;
  std::vector<SegmentId> covers;  // ascending
  std::vector<SegmentSession> sessions;
  std::vector<SegmentPack> packs;
  std::vector<PackName> removed;      // ascending
  std::vector<RetiredFrame> retired;  // ascending
  std::vector<UnknownRecord> unknown;

  Bytes Encode() const;
  static Result<IndexSegment> Parse(ByteSpan plain);
  bool NeedsMaintainRight() const { return !covers.empty() || !removed.empty() || !retired.empty(); }
  friend bool operator==(const IndexSegment&, const IndexSegment&) = default;
};

}  // namespace cairn
