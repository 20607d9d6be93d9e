// The one ordered writer: a session from its first put to its commit. SPEC section 13.3.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/codec/frame_codec.h"
#include "engine/pack/pack_assembler.h"
#include "engine/repo/blob_ends.h"
#include "engine/repo/protocol.h"
#include "repo-format/snapshot.h"

namespace cairn {

struct WriteSessionOptions {
  SessionPurpose purpose = SessionPurpose::kBackup;
  Compression compression;
};

struct WriteTotals {
  std::atomic<uint64_t> blobs_new{0}, data_blobs_new{0}, bytes_new{0};  // plain bytes of blobs that were not there
  std::atomic<uint64_t> blobs_known{0}, bytes_known{0};                 // asked for, and there
  std::atomic<uint64_t> frames{0}, packs{0}, bytes_stored{0};
  std::atomic<uint64_t> packs_adopted{0},
      bytes_adopted{0};  // put by a session of this slot that died before its segment
};

// Packs that a session puts at once. A disk is kept busy by two, and by one that few threads fill packs for; a far
// store takes as many as it is given.
unsigned PutsAtOnce(bool is_far, const Limits& limits, unsigned threads);

class BlobWriter;

// Safe for concurrent use, but for Flush, Commit and End, which come once, last, and alone. After the first failed put
// every call gives its error. A session that goes without Commit or End leaves its object behind, as a crash does: the
// next run on this machine takes it for dead by its lock file. Of packs there are those that are open (two of
// each kind), those that are being put, and at most two that wait for that, however many threads there are: so many of
// the store's drafts, which may be memory.
class WriteSession {
 public:
  // PutSession, ListTombstones, ListSegments, in this order; the index is brought into step. Needs the right to write
  // or, for kMaintenance, to maintain. kBusy where the store takes one writer, and another has not ended. Borrows all.
  static Result<std::unique_ptr<WriteSession>> Begin(Repository& repository, Index& index, const JobContext& context,
                                                     const WriteSessionOptions& options, FindingSink findings = {});
  ~WriteSession();

  const SessionId& id() const { return id_; }
  Index& index() const { return index_; }
  Protocol& protocol() { return protocol_; }
  const std::vector<TombstoneSeen>& tombstones() const { return tombstones_; }
  const WriteTotals& totals() const { return totals_; }
  // This machine's index could not take a pack that was put.
  bool index_lacks_packs() const { return index_lacks_packs_; }
  // Names of the packs that a session of maintenance has put so far.
  std::set<PackName> PacksPut() const;

  // A writer for one thread's blobs: they are gathered in order into frames of about `frame_bytes`.
  std::unique_ptr<BlobWriter> NewBlobWriter(uint64_t frame_bytes);
  // Is it there, or already on its way in this session? Then what refers to it may be committed. `length`: as in Index.
  Result<bool> Knows(const BlobId& id, std::optional<uint32_t> length);
  // May all below this parent be reused without look-ups? No tombstone was found, and its snapshot is in its place now.
  Result<bool> ParentIsTrusted(const SnapshotId& parent);

  // A frame that is sealed already (repack, copy of the same family): goes into a pack as it is.
  Result<void> AddSealedFrame(BlobKind kind, const PackSession& session, const FrameEntry& entry, ByteSpan sealed);
  // Puts what is open; afterwards every blob that was added is in a put pack that a put segment names. The BlobWriters
  // must have been finished before.
  Result<void> Flush();
  // Flush, then the commit, then the end of the session. kFenced: the session was taken for dead; nothing of it counts.
  // Fills outer part, session's metadata and counter by itself.
  Result<SnapshotId> Commit(const SnapshotInner& snapshot, const std::vector<Digest>& heads, uint64_t counter);
  // For sessions without a snapshot (maintenance): Flush, then the end.
  Result<void> End();
  // The run was stopped: what was put already gets its segment, so that the next run finds it, and the session ends.
  // But after a commit without an answer it is left as a crash leaves it.
  Result<void> Abandon();

  // The digest of the committed snapshot object.
  const Digest& snapshot_digest() const { return snapshot_digest_; }

 private:
  friend class BlobWriter;
  WriteSession(Repository& repository, Index& index, const JobContext& context, const WriteSessionOptions& options,
               FindingSink findings);
  // True: nobody in this session has claimed it yet; the index is not asked.
  bool ClaimAnew(const BlobId& id, uint32_t length);
  // True: the caller shall store it; false: it is known or claimed by another.
  Result<bool> Claim(BlobKind kind, const BlobId& id, uint32_t length);
  Result<void> SealAndAdd(BlobKind kind, ByteSpan plain, std::vector<BlobEntry> blobs,
                          std::span<const Checksum> checksums);
  Result<void> PackFinished(FinishedPack pack);
  Result<void> PutOnePack(const FinishedPack& pack);
  void AddToSegment(const FinishedPack& pack);
  Result<void> PutOpenSegment();
  // While full packs wait there shall be no more of them.
  void AwaitRoomForFrames();
  Result<void> WaitForPuts();
  Result<void> FirstError() const;
  void Fail(const Error& error);
  void StartSignsOfLife();
  Result<void> AdoptOrphans();
  Result<Bytes> MakeSnapshotObject(const SnapshotInner& snapshot, const std::vector<Digest>& heads, uint64_t counter);
  Result<void> EndQuietly();

  Repository& repository_;
  Index& index_;
  const JobContext& context_;
  const WriteSessionOptions options_;
  Protocol protocol_;
  const SessionId id_;
  const SessionKeys keys_;
  FrameSealer sealer_;
  std::unique_ptr<FileLock> lock_;
  std::vector<TombstoneSeen> tombstones_;
  WriteTotals totals_;
  Digest snapshot_digest_;
  bool commit_is_open_ = false;  // it was sent, and nobody knows whether it arrives

  std::mutex claim_mutex_;
  std::unordered_map<BlobId, uint32_t> claimed_;  // guarded by claim_mutex_: in flight, not yet in the index

  std::atomic<bool> index_lacks_packs_ = false;
  mutable std::mutex segment_mutex_;
  std::set<PackName> packs_put_;                              // guarded by segment_mutex_
  IndexSegment segment_;                                      // guarded by segment_mutex_
  std::unordered_map<SessionId, uint32_t> segment_sessions_;  // guarded by segment_mutex_
  uint64_t segment_blobs_ = 0;                                // guarded by segment_mutex_
  std::chrono::nanoseconds segment_since_{0};                 // guarded by segment_mutex_

  mutable std::mutex error_mutex_;
  std::optional<Error> error_;  // guarded by error_mutex_

  const PackLimits pack_limits_;
  const unsigned puts_at_once_, packs_waiting_max_;
  PackAssembler data_packs_, metadata_packs_;
  std::mutex put_mutex_;
  std::condition_variable_any put_done_;
  uint64_t put_bytes_ = 0;      // guarded by put_mutex_: of packs being put
  unsigned packs_waiting_ = 0;  // guarded by put_mutex_: full, and each with a thread that waits
  std::unique_ptr<Executor> put_executor_;
  uint32_t signs_ = 0;  // of the life thread alone
  std::jthread life_;
};

// Gathers the blobs of one thread into frames. Safe for concurrent use (a lock), meant for one thread. Finish before
// the session's Flush; a writer that goes unfinished drops what was not sealed, and the session fails.
class BlobWriter : public BlobSink {
 public:
  BlobWriter(WriteSession& session, uint64_t frame_bytes);
  ~BlobWriter() override;
  Result<BlobId> AddBlob(BlobKind kind, ByteSpan plain) override;
  // The same, and whether it was new.
  struct Added {
    BlobId id;
    bool is_new = false;
  };
  Result<Added> Add(BlobKind kind, ByteSpan plain);
  // One after the other, into `added`, which are as many: their ids are taken together, which is quicker.
  Result<void> AddEach(BlobKind kind, std::span<const ByteSpan> plain, std::span<Added> added);
  // Stores it whatever the index says of it: for a pruner, which must not trust a location that it did not open.
  Result<void> AddAnew(BlobKind kind, ByteSpan plain);
  Digest MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const override;
  Result<void> Finish();

 private:
  struct OpenFrame {
    Bytes plain;
    std::vector<BlobEntry> blobs;
    std::vector<Checksum> checksums;  // of each
  };
  Result<Added> AddNamed(BlobKind kind, const BlobId& id, const Checksum& checksum, ByteSpan plain);
  Result<void> Gather(BlobKind kind, const BlobId& id, const Checksum& checksum, ByteSpan plain);
  Result<void> CloseFrame(BlobKind kind, OpenFrame& frame);

  WriteSession& session_;
  const uint64_t frame_bytes_;
  std::mutex mutex_;
  OpenFrame data_, metadata_;  // guarded by mutex_
};

}  // namespace cairn
