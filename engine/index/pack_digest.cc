#include "engine/index/pack_digest.h"

#include <algorithm>

#include "engine/crypto/hash.h"
#include "repo-format/wire_writer.h"

namespace cairn {

std::vector<PackSession> SessionsOf(const IndexSegment& segment, BlobKind kind) {
  std::vector<PackSession> sessions;
  sessions.reserve(segment.sessions.size());
  for (const SegmentSession& session : segment.sessions) {
    const auto& envelope = kind == BlobKind::kData ? session.content : session.metadata;
    sessions.push_back({.session = session.session, .epoch = session.epoch, .suite = session.suite});
    if (envelope) sessions.back().envelope = *envelope;
  }
  return sessions;
}

PackDigest DigestOf(const SegmentPack& pack, std::span<const PackSession> sessions) {
  WireWriter writer;
  writer.U8(static_cast<uint8_t>(pack.kind));
  writer.V(pack.size);
  uint32_t last = UINT32_MAX;
  for (const FrameEntry& frame : pack.frames) {
    const bool has_session = frame.codec != Codec::kPadding && frame.session < sessions.size();
    // Not its number, which is another in each segment. Neighbours share theirs, mostly.
    const bool is_new = has_session && frame.session != last;
    writer.U8(is_new ? 1 : 0);
    if (is_new) {
      const PackSession& session = sessions[frame.session];
      writer.Put(session.session);
      writer.U32(session.epoch);
      writer.U8(static_cast<uint8_t>(session.suite));
      session.envelope.Write(writer);
      last = frame.session;
    }
    FrameEntry entry = frame;
    entry.session = 0;
    entry.Write(writer);
  }
  const Digest whole = Sha256(writer.bytes());
  PackDigest digest;
  std::copy_n(whole.bytes().begin(), digest.size(), digest.begin());
  return digest;
}

}  // namespace cairn
