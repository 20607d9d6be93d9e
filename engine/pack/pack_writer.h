// Collects sealed frames into one pack, and finishes it with its directory. SPEC sections 8.1, 8.2, 8.5.
#pragma once

#include <memory>
#include <unordered_set>
#include <vector>

#include "engine/codec/checksum.h"
#include "engine/codec/frame_codec.h"
#include "engine/crypto/object_sealer.h"
#include "engine/store/object_store.h"
#include "repo-format/index_segment.h"

namespace cairn {

struct FinishedPack {
  PackName name;
  BlobKind kind = BlobKind::kData;
  std::unique_ptr<ObjectDraft> draft;  // what is put,
  uint64_t size = 0;                   // of so many bytes
  PackDirectory directory;             // what is in it, for the segment
  uint64_t blobs = 0;
};

// One thread at a time. Borrows all. What it has goes into a draft of the store: its memory is the directory's, and the
// draft's. After an Error of AddFrame the pack is lost, and the writer is not used again.
class PackWriter {
 public:
  // `bytes_expected`: of its draft, which is made with the first frame.
  PackWriter(BlobKind kind, const ObjectSealer& sealer, const Random& random, ObjectStore& store,
             uint64_t bytes_expected = 0);

  // `session` is the session whose key sealed the frame; equal sessions share an entry of the directory. The frame's
  // bytes are copied. A CHECK where the format's limits would be broken: ask Fits first.
  Result<void> AddFrame(const PackSession& session, FrameEntry entry, ByteSpan sealed);
  // Names a session that no frame need be of: the one that puts the pack. Before the first frame.
  void NameSession(const PackSession& session) { SessionNumber(session); }
  // By the format's limits, not by the target size; as an object of `object_bytes_max` at most.
  bool Fits(const FrameEntry& entry, uint64_t object_bytes_max = UINT64_MAX) const;
  // Holds this blob already? (No id twice in one pack.)
  bool Has(const BlobId& id) const { return ids_.contains(id); }

  uint64_t frame_bytes() const { return frame_bytes_; }
  uint64_t blob_count() const { return ids_.size(); }
  bool empty() const { return directory_.frames.empty(); }

  // Seals the directory, and reads back what went into the draft: kIo where that is not what was written. The writer is
  // empty afterwards. `pad` adds a padding frame up to the next Padme size, or to `object_bytes_max` where that is
  // less. Requires: not empty().
  Result<FinishedPack> Finish(bool pad, uint64_t object_bytes_max = UINT64_MAX);

 private:
  uint32_t SessionNumber(const PackSession& session);
  Result<void> AppendFrame(FrameEntry entry, ByteSpan sealed);
  Result<void> AppendPadding(uint64_t object_bytes_max);
  Result<void> AppendBytes(ByteSpan bytes);
  Result<Digest> HashDraft(ByteSpan header, uint64_t size);
  Result<FinishedPack> Seal();
  Result<FinishedPack> PadAndSeal(bool pad, uint64_t object_bytes_max);

  const BlobKind kind_;
  const ObjectSealer& sealer_;
  const Random& random_;
  ObjectStore& store_;
  const uint64_t bytes_expected_;
  PackDirectory directory_;
  std::unique_ptr<ObjectDraft> draft_;  // room for the header, then the frames; null: no frame yet
  ChecksumStream written_;              // of what went into it behind its header
  bool is_lost_ = false;
  std::unordered_set<BlobId> ids_;
  uint64_t frame_bytes_ = 0;
  uint64_t directory_bytes_ = 0;  // of the plain directory, at most
};

// The next Padme size: at or above `size`. SPEC section 8.5.
uint64_t PadmeSize(uint64_t size);

// A directory as a segment's entry: sessions are told apart there, so `session_numbers[i]` is the segment's number of
// directory.sessions[i].
SegmentPack ToSegmentPack(const FinishedPack& pack, const std::vector<uint32_t>& session_numbers);

}  // namespace cairn
