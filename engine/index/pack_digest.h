// Whether two segments say the same of a pack.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "engine/index/index.h"
#include "repo-format/index_segment.h"

namespace cairn {

// The sessions of a segment as its packs of one kind see them, in the segment's order.
std::vector<PackSession> SessionsOf(const IndexSegment& segment, BlobKind kind);

// Of all that a segment says of a pack: its kind, size and frames, with the sessions and envelopes that open them. Two
// segments agree on a pack where their digests of it are equal, whatever numbers they give to sessions.
using PackDigest = std::array<uint8_t, 16>;
// `sessions` are what pack.frames[].session counts in.
PackDigest DigestOf(const SegmentPack& pack, std::span<const PackSession> sessions);

}  // namespace cairn
