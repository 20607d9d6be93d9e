// The rows that a pack has in the derived copy, in the order of their keys family by family. Private to engine/index.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "engine/index/index_rows.h"
#include "repo-format/base/check.h"
#include "repo-format/object_header.h"

namespace cairn::index_rows {

// `sink` has: Frame(key, row) and Blob(id, frame, blob, length), and EndFrame() after those of each frame, a
// Result<void>. Returns the row of the pack itself, complete. `sessions` are what pack.frames[].session counts in.
template <class Sink>
Result<PackRow> WritePackRows(uint32_t number, const SegmentPack& pack, std::span<const PackSession> sessions,
                              const PackDigest& digest, Sink& sink) {
  PackRow row{.name = pack.name, .digest = digest, .kind = pack.kind, .complete = true, .size = pack.size};
  row.frame_count = static_cast<uint32_t>(pack.frames.size());
  std::map<uint32_t, uint32_t> local_numbers;  // of the caller's sessions that this pack uses
  std::vector<PackSession> used;
  uint64_t offset = ObjectHeader::kSize;
  for (uint32_t f = 0; f < row.frame_count; ++f) {
    FrameRow frame{.offset = offset, .entry = pack.frames[f]};
    if (frame.entry.codec != Codec::kPadding) {
      CHECK(frame.entry.session < sessions.size());
      const auto [place, is_new] = local_numbers.try_emplace(frame.entry.session, static_cast<uint32_t>(used.size()));
      if (is_new) used.push_back(sessions[frame.entry.session]);
      frame.entry.session = place->second;
    }
    sink.Frame(ToFrameKey(number, f), frame.Encode());
    for (uint32_t b = 0; b < frame.entry.blobs.size(); ++b) {
      sink.Blob(frame.entry.blobs[b].id, f, b, frame.entry.blobs[b].length);
    }
    row.blob_count += frame.entry.blobs.size();
    offset += frame.entry.sealed_length;
    RETURN_IF_ERROR(sink.EndFrame());
  }
  sink.Frame(ToFrameKey(number, kSessionsFrame), EncodeSessions(used));
  return row;
}

}  // namespace cairn::index_rows
