// Where each blob is: this machine's derived copy of all index segments, on disk. SPEC sections 9 and 13.2.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/env/job_context.h"
#include "repo-format/index_segment.h"

namespace cairn {

struct IndexOptions {
  std::string folder;                        // of this repository's derived copy; made where it is missing
  RepositoryId repository;                   // a copy of another repository is thrown away
  uint64_t memory_bytes = 32 * 1024 * 1024;  // of caches and write buffers together, half of it while it is small
  bool goes_on = false;                      // its user only reads, and goes on without segments that cannot be used
};

// A pack as the index knows it. `number` is this machine's own, stable while the Index is open.
struct IndexedPack {
  uint32_t number = 0;
  PackName name;
  BlobKind kind = BlobKind::kData;
  uint64_t size = 0;
  uint32_t frame_count = 0;
  uint64_t blob_count = 0;
  bool tombstoned = false;
  bool disputed = false;  // segments differ on what it holds: a writer does not count on it
};

// One place of a blob, small enough to have many of.
struct BlobPlace {
  uint32_t pack = 0;   // IndexedPack::number
  uint32_t frame = 0;  // from 0
  uint32_t blob = 0;   // in the frame, from 0
  uint32_t length = 0;
};

// One place, with all that is needed to read it.
struct BlobLocation {
  IndexedPack pack;
  uint32_t frame_number = 0;
  uint64_t frame_offset = 0;                // in the object
  std::shared_ptr<const FrameEntry> frame;  // its `session` is meaningless here
  PackSession session;                      // with the envelope of the blob's kind
  uint32_t blob_number = 0;
  uint32_t blob_offset = 0;  // in the frame's plaintext
  uint32_t length = 0;
  bool retired = false;
};

// One of `parts` shares of all ids, by their first two bytes; as ids are random these are equal. At most 65,536 parts.
struct IdShare {
  uint32_t number = 0, parts = 1;

  Bytes First() const { return Bound(number); }
  // Empty: no bound.
  Bytes End() const { return number + 1 < parts ? Bound(number + 1) : Bytes(); }

 private:
  Bytes Bound(uint32_t n) const {
    const uint32_t value = static_cast<uint32_t>(uint64_t{n} * 65'536 / parts);
    return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
  }
};

// Of the copy's content; random.
using IndexGeneration = std::array<uint8_t, 16>;

// A frame of a pack, with its session.
struct IndexedFrame {
  uint64_t offset = 0;
  bool retired = false;
  std::shared_ptr<const FrameEntry> entry;
  PackSession session;
};

// Safe for concurrent use, but that no two may Sync (see listing_mutex), nor one while another is in ForEachBlob.
// Several processes may open the same folder: one of them writes the shared copy, each other reads it and keeps what it
// adds in a private copy that goes with it; none waits, none fails. The folder may be lost, stale or damaged at any
// time: it is then made anew from the segments. Memory: options.memory_bytes, about 150 bytes a pack and 1.75 bytes a
// blob (256 MiB at most), and an eighth of the limits while Sync takes many segments over. Disk: about 90 bytes a blob,
// and 48 more meanwhile.
class Index {
 public:
  static Result<std::unique_ptr<Index>> Open(const IndexOptions& options);
  virtual ~Index() = default;

  // Brings the copy into step with one listing of index/: `listed` are all segments of it. `load` fetches and verifies
  // one; its kNotFound ends Sync with kBusy: list again. Afterwards the packs that count are those that a listed
  // segment names and none removes, and those that AddPack added (until a listed segment names or removes them).
  using LoadSegment = std::function<Result<IndexSegment>(const SegmentId&)>;
  virtual Result<void> Sync(std::vector<SegmentId> listed, const LoadSegment& load, const JobContext& context) = 0;
  // Held by who lists, until Sync with that listing has returned: one that is older must not come behind one that is
  // newer, whose packs would be dropped.
  std::mutex& listing_mutex() { return listing_mutex_; }

  // A pack of this process that was just put: found at once. `sessions` are what pack.frames[].session counts in.
  // kInvalidArgument for one that a `removed` list of the last listing names.
  virtual Result<void> AddPack(const SegmentPack& pack, const std::vector<PackSession>& sessions) = 0;
  // A segment that this process has just put, of packs that it added: Sync need not fetch it. Where the copy has a pack
  // not, or from another entry, Sync fetches it all the same.
  virtual Result<void> AddSegment(const SegmentId& id, const IndexSegment& segment) = 0;
  // On return what was added survives this process: without it the next one may not know that it was ever there.
  virtual Result<void> Flush() = 0;
  // Packs that AddPack added and no segment has named are forgotten (the session was fenced).
  virtual void DropAddedPacks() = 0;
  // The tombstones of a listing; replaces those set before. Names that are not in the index are kept for later.
  virtual void SetTombstones(const std::vector<PackName>& packs) = 0;

  // For a writer: is it in a pack that counts, without tombstone or dispute, in a frame that is not retired? With the
  // length of the bytes that the writer has (SPEC section 9); without them all its places must agree on one. Where the
  // copy is found damaged: no.
  virtual Result<bool> HasForWriter(const BlobId& id, std::optional<uint32_t> length) = 0;
  // For a reader: every location in a pack that counts, the preferred one first (SPEC section 9). Empty: nowhere.
  // kIo, here and below: this machine's copy is damaged, which says nothing of the repository; the next Sync makes it
  // anew.
  virtual Result<std::vector<BlobLocation>> Find(const BlobId& id) = 0;

  // Packs that count, by name ascending.
  virtual std::vector<IndexedPack> Packs() = 0;
  virtual std::optional<IndexedPack> FindPack(const PackName& name) = 0;
  virtual Result<std::vector<IndexedFrame>> Frames(uint32_t pack_number) = 0;
  // The sorted walk over all blobs of packs that count: ids ascending, all places of an id at once, in order of
  // preference; the kind is that of the preferred place. Packs that are added meanwhile may be left out. Bounded
  // memory; stops at the first error of `each`.
  using EachBlob = std::function<Result<void>(const BlobId& id, BlobKind kind, std::span<const BlobPlace> places)>;
  Result<void> ForEachBlob(const EachBlob& each) { return ForEachBlobOf({}, each); }
  // The same of some ids; several at once, each with an `each` of its own or one that is safe for that.
  virtual Result<void> ForEachBlobOf(const IdShare& share, const EachBlob& each) = 0;

  // Names in `removed` lists of the listing of the last Sync, and which segments carry them.
  virtual std::vector<std::pair<PackName, SegmentId>> Removed() = 0;
  // Of these, those for which no segment of that listing has an entry: what a merge may drop.
  virtual std::vector<PackName> RemovedWithoutEntry() = 0;
  // Packs that come into the index from now on have this number or a higher one.
  virtual uint32_t next_number() = 0;
  // Another one as soon as a pack that counted no longer does: what was known to be stored under one generation has to
  // be looked up again under another. Copies that were made from nothing have one of their own.
  virtual IndexGeneration generation() = 0;
  // Of packs that count; a blob in two packs counts twice.
  virtual uint64_t blob_count() = 0;
  // As in its options: for who syncs it on behalf of its user.
  virtual bool goes_on() const = 0;
  // The shared copy on disk is held by another process, and this one works on a private copy.
  virtual bool is_private() const = 0;

 private:
  std::mutex listing_mutex_;
};

}  // namespace cairn
