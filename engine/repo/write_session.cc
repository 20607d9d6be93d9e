#include "engine/repo/write_session.h"

#include <algorithm>
#include <set>

#include "engine/crypto/aead.h"
#include "engine/env/thread.h"
#include "engine/env/version.h"
#include "engine/pack/pack_reader.h"
#include "engine/repo/other_writer.h"
#include "engine/repo/time_text.h"
#include "repo-format/limits.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

uint32_t NeededRight(SessionPurpose purpose) {
  return purpose == SessionPurpose::kMaintenance ? Rights::kMaintain : Rights::kWrite;
}

constexpr unsigned kThreadsOfPut = 2;  // so many fill packs as fast as one put at a time takes them

bool SeveralThreads(const JobContext& context) { return context.limits.puts > 1; }

constexpr uint64_t kSegmentBytesOfBlob = 256;  // with those of the packs that come meanwhile

// Half of what the store takes at most: a frame may go beyond, and there is a directory.
PackLimits PackLimitsOf(const Limits& limits, const ObjectStore& store) {
  return {.pack_bytes = std::min(limits.pack_bytes, store.object_bytes_max() / 2),
          .pack_blobs_max = limits.pack_blobs_max,
          .object_bytes_max = store.object_bytes_max()};
}

}  // namespace

unsigned PutsAtOnce(bool is_far, const Limits& limits, unsigned threads) {
  const unsigned near = threads > kThreadsOfPut ? 2 : 1;
  return std::max(is_far ? limits.puts : std::min(limits.puts, near), 1U);
}

WriteSession::WriteSession(Repository& repository, Index& index, const JobContext& context,
                           const WriteSessionOptions& options, FindingSink findings)
    : repository_(repository),
      index_(index),
      context_(context),
      options_(options),
      protocol_(repository, context, std::move(findings)),
      id_(context.random.NewId<SessionId>()),
      keys_(SessionKeys::New(repository.keyring(), id_, context.random)),
      sealer_(keys_, repository.keyring().family(), context.random, options.compression),
      pack_limits_(PackLimitsOf(context.limits, repository.store())),
      puts_at_once_(PutsAtOnce(repository.store().is_far(), context.limits, context.executor.workers())),
      packs_waiting_max_(repository.store().is_far() || context.executor.workers() > kThreadsOfPut ? 2 : 1),
      data_packs_(BlobKind::kData, repository.sealer(), context.random, repository.store(), pack_limits_,
                  [this](FinishedPack pack) { return PackFinished(std::move(pack)); }),
      metadata_packs_(BlobKind::kMetadata, repository.sealer(), context.random, repository.store(), pack_limits_,
                      [this](FinishedPack pack) { return PackFinished(std::move(pack)); }),
      put_executor_(SeveralThreads(context) ? MakeThreadPool(context.limits.puts) : MakeInlineExecutor()) {
  if (options.purpose != SessionPurpose::kCopy) return;
  // Frames that travel as they are are of sessions of the source. By this a pruner knows whose the pack is, and who
  // goes on after a crash.
  data_packs_.SetPutter({keys_.session, keys_.epoch, keys_.suite, keys_.envelope(BlobKind::kData)});
  metadata_packs_.SetPutter({keys_.session, keys_.epoch, keys_.suite, keys_.envelope(BlobKind::kMetadata)});
}

WriteSession::~WriteSession() {
  life_.request_stop();
  if (life_.joinable()) life_.join();
  put_executor_.reset();  // waits for the puts under way: they use the members below
}

Result<std::unique_ptr<WriteSession>> WriteSession::Begin(Repository& repository, Index& index,
                                                          const JobContext& context, const WriteSessionOptions& options,
                                                          FindingSink findings) {
  RETURN_IF_ERROR(repository.NeedWrite(NeededRight(options.purpose), "writing to the repository"));
  std::unique_ptr<WriteSession> session;
  // Between the making of the lock file and the lock another process may take this session for a dead one: then another
  // id. Twice in a row is no accident.
  for (int attempt = 0;; ++attempt) {
    session.reset(new WriteSession(repository, index, context, options, findings));
    auto lock = repository.cache().LockSession(session->id_);
    if (!lock && (lock.error().code() != ErrorCode::kBusy || attempt > 0)) return std::move(lock).error();
    if (!lock) continue;
    session->lock_ = *std::move(lock);
    break;
  }
  // Each puts before it reads: either this session sees a pruner's tombstone, or the pruner sees this session.
  RETURN_IF_ERROR(session->protocol_.PutSession(session->id_, options.purpose, kProgram));
  RETURN_IF_ERROR(NeedNoOtherWriter(repository, context, session->protocol_, session->id_));
  ASSIGN_OR_RETURN(session->tombstones_, session->protocol_.ListTombstones());
  RETURN_IF_ERROR(repository.SyncIndex(index, context));
  std::vector<PackName> names;
  for (const TombstoneSeen& tombstone : session->tombstones_) names.push_back(tombstone.pack);
  index.SetTombstones(names);
  session->segment_since_ = context.clock.Steady();
  if (options.purpose != SessionPurpose::kMaintenance) RETURN_IF_ERROR(session->AdoptOrphans());
  if (SeveralThreads(context)) session->StartSignsOfLife();
  auto begun = session->FirstError();
  if (begun) return session;
  IgnoreError(session->EndQuietly(), "the first error is the one to tell");
  return std::move(begun).error();
}

// A session of this slot that died on this machine may have put packs for which it put no segment. They are found by
// their directories, and get one from this session: what was stored is not stored again.
Result<void> WriteSession::AdoptOrphans() {
  const std::vector<LocalCache::DeadSession> dead = repository_.cache().DeadSessions();
  if (dead.empty()) return {};
  std::set<SessionId> dead_set;
  for (const LocalCache::DeadSession& one : dead) dead_set.insert(one.id);
  // What a pruner or a repair has taken out of the index is no orphan, whoever put it.
  std::set<PackName> taken_out;
  for (const TombstoneSeen& tombstone : tombstones_) taken_out.insert(tombstone.pack);
  for (const auto& [pack, segment] : index_.Removed()) taken_out.insert(pack);
  for (const BlobKind kind : {BlobKind::kData, BlobKind::kMetadata}) {
    std::vector<std::pair<PackName, uint64_t>> unknown;
    RETURN_IF_ERROR(repository_.store().List(kind == BlobKind::kData ? kDataPrefix : kMetaPrefix,
                                             [&](const ObjectInfo& info) -> Result<void> {
                                               const ParsedName parsed = ParseObjectName(info.name.text());
                                               if (parsed.kind != ParsedName::Kind::kPack) return {};
                                               if (taken_out.contains(parsed.pack)) return {};
                                               if (!index_.FindPack(parsed.pack)) {
                                                 unknown.emplace_back(parsed.pack, info.size);
                                               }
                                               return {};
                                             }));
    for (const auto& [name, size] : unknown) {
      auto opened = ReadDirectory(repository_.store(), repository_.sealer(), kind, name, size);
      if (!opened || opened->slot != repository_.keyring().slot()) continue;  // not ours: check tells of it
      const auto& sessions = opened->directory.sessions;
      const bool ours =
          std::ranges::any_of(sessions, [&](const PackSession& session) { return dead_set.contains(session.session); });
      if (!ours) continue;
      FinishedPack pack;
      pack.name = name;
      pack.kind = kind;
      pack.size = size;
      pack.directory = std::move(opened->directory);
      for (const FrameEntry& frame : pack.directory.frames) pack.blobs += frame.blobs.size();
      AddToSegment(pack);
      ++totals_.packs_adopted;
      totals_.bytes_adopted += size;
    }
  }
  RETURN_IF_ERROR(PutOpenSegment());
  for (const SessionId& id : dead_set) {
    // Proved dead by its lock. Who may fence does so before it ends the session: a put of its may still be on its way.
    if (repository_.keyring().rights().Has(Rights::kMaintain)) {
      RETURN_IF_ERROR(protocol_.Fence(id, id_));
    } else {
      // Who may not fence ends it as soon as its name is filled.
      const auto slot = protocol_.LookAtSlot(id);
      if (!slot || *slot == SnapshotSlot::kEmpty) continue;
    }
    RETURN_IF_ERROR(protocol_.EndSession(id));
    repository_.cache().ForgetDead(id);
  }
  return {};
}

void WriteSession::StartSignsOfLife() {
  const auto live = [this](const std::stop_token& stop) {
    const std::chrono::nanoseconds interval = std::chrono::seconds(context_.limits.segment_interval_s);
    while (context_.clock.Sleep(interval, stop)) {
      // Best effort: without it a pruner may take the session for dead, which costs a retry, never data.
      IgnoreError(protocol_.PutSignOfLife(id_, ++signs_), "a courtesy");
    }
  };
  auto started = StartThread(live);
  if (!started) return Fail(std::move(started).error().While("beginning a session"));
  life_ = *std::move(started);
}

std::unique_ptr<BlobWriter> WriteSession::NewBlobWriter(uint64_t frame_bytes) {
  return std::make_unique<BlobWriter>(*this, frame_bytes);
}

Result<bool> WriteSession::Knows(const BlobId& id, std::optional<uint32_t> length) {
  {
    const std::lock_guard lock(claim_mutex_);
    if (claimed_.contains(id)) return true;
  }
  return index_.HasForWriter(id, length);
}

Result<bool> WriteSession::ParentIsTrusted(const SnapshotId& parent) {
  if (!tombstones_.empty()) return false;
  auto slot = protocol_.LookAtSlot(parent);
  return slot.has_value() && *slot == SnapshotSlot::kSnapshot;
}

Result<bool> WriteSession::Claim(BlobKind kind, const BlobId& id, uint32_t length) {
  RETURN_IF_ERROR(FirstError());
  ASSIGN_OR_RETURN(const bool known, Knows(id, length));
  if (!known) {
    const std::lock_guard lock(claim_mutex_);
    if (claimed_.emplace(id, length).second) {
      ++totals_.blobs_new;
      if (kind == BlobKind::kData) ++totals_.data_blobs_new;
      totals_.bytes_new += length;
      return true;
    }
  }
  ++totals_.blobs_known;
  totals_.bytes_known += length;
  return false;
}

bool WriteSession::ClaimAnew(const BlobId& id, uint32_t length) {
  const std::lock_guard lock(claim_mutex_);
  return claimed_.emplace(id, length).second;
}

Result<void> WriteSession::SealAndAdd(BlobKind kind, ByteSpan plain, std::vector<BlobEntry> blobs,
                                      std::span<const Checksum> checksums) {
  ASSIGN_OR_RETURN(SealedFrame frame, sealer_.Seal(kind, plain, std::move(blobs), checksums));
  const PackSession session{keys_.session, keys_.epoch, keys_.suite, keys_.envelope(kind)};
  return AddSealedFrame(kind, session, frame.entry, frame.sealed);
}

Result<void> WriteSession::AddSealedFrame(BlobKind kind, const PackSession& session, const FrameEntry& entry,
                                          ByteSpan sealed) {
  AwaitRoomForFrames();
  RETURN_IF_ERROR(FirstError());
  ++totals_.frames;
  PackAssembler& packs = kind == BlobKind::kData ? data_packs_ : metadata_packs_;
  auto added = packs.Add(session, entry, sealed);
  if (!added) Fail(added.error());
  return added;
}

void WriteSession::AwaitRoomForFrames() {
  std::unique_lock lock(put_mutex_);
  put_done_.wait(lock, [&] { return packs_waiting_ < packs_waiting_max_; });
}

Result<void> WriteSession::PackFinished(FinishedPack pack) {
  const uint64_t bytes = pack.size;
  // A full pack is larger than pack_bytes: by the frame that went beyond, and its directory.
  const uint64_t bytes_max = puts_at_once_ * (pack_limits_.pack_bytes / 8 * 9);
  {
    std::unique_lock lock(put_mutex_);
    ++packs_waiting_;
    // Not ended by the stop token: the puts under way end by themselves, by the store's own time limits.
    put_done_.wait(lock, [&] { return put_bytes_ == 0 || put_bytes_ + bytes <= bytes_max; });
    --packs_waiting_;
    put_bytes_ += bytes;
  }
  put_done_.notify_all();
  auto shared = std::make_shared<FinishedPack>(std::move(pack));
  put_executor_->Submit([this, shared, bytes] {
    auto put = PutOnePack(*shared);
    if (!put) Fail(put.error());
    {
      const std::lock_guard lock(put_mutex_);
      put_bytes_ -= bytes;
    }
    put_done_.notify_all();
  });
  return FirstError();
}

Result<void> WriteSession::PutOnePack(const FinishedPack& pack) {
  RETURN_IF_ERROR(FirstError());
  RETURN_IF_ERROR(protocol_.PutPack(pack.kind, pack.name, *pack.draft));
  if (pack.kind == BlobKind::kMetadata && repository_.metadata_cache() != nullptr) {
    Bytes room;
    const auto whole = pack.draft->Whole(room);
    if (whole) repository_.metadata_cache()->Add(pack.name, *whole);
  }
  ++totals_.packs;
  totals_.bytes_stored += pack.size;
  if (options_.purpose == SessionPurpose::kMaintenance) {
    const std::lock_guard lock(segment_mutex_);
    packs_put_.insert(pack.name);
  }
  AddToSegment(pack);
  bool full = false;
  {
    const std::lock_guard lock(segment_mutex_);
    const auto age = context_.clock.Steady() - segment_since_;
    full = segment_blobs_ >=
               std::min(context_.limits.segment_blobs_max, pack_limits_.object_bytes_max / kSegmentBytesOfBlob) ||
           age >= std::chrono::seconds(context_.limits.segment_interval_s);
  }
  return full ? PutOpenSegment() : Result<void>();
}

void WriteSession::AddToSegment(const FinishedPack& pack) {
  SegmentPack entry;
  {
    const std::lock_guard lock(segment_mutex_);
    std::vector<uint32_t> numbers;
    for (const PackSession& session : pack.directory.sessions) {
      const auto [place, is_new] =
          segment_sessions_.emplace(session.session, static_cast<uint32_t>(segment_.sessions.size()));
      if (is_new) segment_.sessions.push_back({session.session, session.epoch, session.suite, {}, {}});
      SegmentSession& target = segment_.sessions[place->second];
      (pack.kind == BlobKind::kData ? target.content : target.metadata) = session.envelope;
      numbers.push_back(place->second);
    }
    entry = ToSegmentPack(pack, numbers);
    segment_.packs.push_back(entry);
    segment_blobs_ += pack.blobs;
  }
  // For this machine's index the numbers are those of the pack's own sessions.
  for (size_t i = 0; i < entry.frames.size(); ++i) entry.frames[i].session = pack.directory.frames[i].session;
  auto added = index_.AddPack(entry, pack.directory.sessions);
  // The pack is stored, and its segment will say so: without this machine's copy a blob may be stored twice, no more.
  if (!added) index_lacks_packs_ = true;
  if (!added) context_.log.Warning("index: pack {}: {}", pack.name.ToString(), added.error().message());
  const std::lock_guard lock(claim_mutex_);
  for (const FrameEntry& frame : pack.directory.frames) {
    for (const BlobEntry& blob : frame.blobs) claimed_.erase(blob.id);
  }
}

std::set<PackName> WriteSession::PacksPut() const {
  const std::lock_guard lock(segment_mutex_);
  return packs_put_;
}

Result<void> WriteSession::PutOpenSegment() {
  IndexSegment segment;
  {
    const std::lock_guard lock(segment_mutex_);
    if (segment_.packs.empty()) return {};
    std::swap(segment, segment_);
    segment_sessions_.clear();
    segment_blobs_ = 0;
    segment_since_ = context_.clock.Steady();
  }
  // A private copy of the index goes with this process, and what it knows of the segment.
  ASSIGN_OR_RETURN(const SegmentId id, protocol_.PutSegment(segment, index_.is_private()));
  IgnoreError(index_.AddSegment(id, segment), "then the next run fetches it");
  if (options_.purpose != SessionPurpose::kMaintenance) return {};  // its commit learns of a fence
  // A pruner takes the packs of a fenced session that were in no segment for garbage. Without a fence now, it fences
  // later, and then sees this segment.
  ASSIGN_OR_RETURN(const SnapshotSlot slot, protocol_.LookAtSlot(id_));
  if (slot == SnapshotSlot::kEmpty) return {};
  return MakeError(ErrorCode::kFenced, "session {} was taken for dead by another prune: run it again", id_.ToHex());
}

Result<void> WriteSession::WaitForPuts() {
  std::unique_lock lock(put_mutex_);
  put_done_.wait(lock, [&] { return put_bytes_ == 0; });
  return {};
}

Result<void> WriteSession::FirstError() const {
  const std::lock_guard lock(error_mutex_);
  if (error_) return *error_;
  return {};
}

void WriteSession::Fail(const Error& error) {
  const std::lock_guard lock(error_mutex_);
  if (!error_) error_ = error;
}

Result<void> WriteSession::Flush() {
  RETURN_IF_ERROR(FirstError());
  RETURN_IF_ERROR(data_packs_.Flush());
  RETURN_IF_ERROR(metadata_packs_.Flush());
  RETURN_IF_ERROR(WaitForPuts());
  RETURN_IF_ERROR(FirstError());
  RETURN_IF_ERROR(PutOpenSegment());
  const std::lock_guard lock(claim_mutex_);
  // What was claimed and never sealed would be missing from the snapshot that is about to refer to it.
  CHECK(claimed_.empty());
  return {};
}

Result<Bytes> WriteSession::MakeSnapshotObject(const SnapshotInner& snapshot, const std::vector<Digest>& heads,
                                               uint64_t counter) {
  const Bytes plain = snapshot.Encode();
  SnapshotOuter outer;
  outer.counter = counter;
  outer.heads = heads;
  outer.epoch = keys_.epoch;
  outer.suite = keys_.suite;
  outer.metadata_envelope = keys_.metadata_envelope;
  outer.inner.assign(16 + plain.size() + kAeadTagSize, 0);
  // The inner part is bound to the header, which states the size of the whole: all sizes are known before anything is
  // sealed.
  const ObjectHeader header =
      repository_.sealer().NewHeader(ObjectKind::kSnapshot, ToRawId(id_), outer.Encode().size(), plain);
  const auto header_bytes = header.Encode();
  const MutableByteSpan inner(outer.inner);
  context_.random.Fill(inner.first(16));
  const Secret32 key = Hkdf(keys_.metadata.bytes(), inner.first(16), {AsBytes("cairn snapshot 1"), header_bytes});
  AeadSeal(keys_.suite, key, AeadNonce{}, header_bytes, plain, inner.subspan(16));
  ASSIGN_OR_RETURN(const SealedObject sealed, repository_.sealer().SealWith(header, outer.Encode()));
  return sealed.Joined();
}

Result<SnapshotId> WriteSession::Commit(const SnapshotInner& snapshot, const std::vector<Digest>& heads,
                                        uint64_t counter) {
  RETURN_IF_ERROR(repository_.NeedHost(snapshot.host));
  RETURN_IF_ERROR(Flush());
  ASSIGN_OR_RETURN(const Bytes object, MakeSnapshotObject(snapshot, heads, counter));
  commit_is_open_ = true;
  ASSIGN_OR_RETURN(const CommitOutcome outcome, protocol_.Commit(id_, object));
  commit_is_open_ = false;
  if (outcome == CommitOutcome::kFenced) {
    index_.DropAddedPacks();  // what this session put may be gone
    RETURN_IF_ERROR(EndQuietly());
    return MakeError(ErrorCode::kFenced, "session {} was taken for dead by a prune before it could commit",
                     id_.ToHex());
  }
  snapshot_digest_ = Sha256(object);
  // The snapshot is there: an end that fails is not a failed backup, and the next run or a prune clears it away.
  IgnoreError(EndQuietly(), "the commit is done");
  return id_;
}

Result<void> WriteSession::EndQuietly() {
  life_.request_stop();
  if (life_.joinable()) life_.join();
  RETURN_IF_ERROR(signs_ == 0 ? protocol_.EndSessionWithoutSigns(id_) : protocol_.EndSession(id_));
  repository_.cache().ForgetDead(id_);
  lock_.reset();
  return {};
}

Result<void> WriteSession::End() {
  RETURN_IF_ERROR(Flush());
  return EndQuietly();
}

Result<void> WriteSession::Abandon() {
  IgnoreError(data_packs_.Flush(), "what cannot be kept is read again");
  IgnoreError(metadata_packs_.Flush(), "what cannot be kept is read again");
  RETURN_IF_ERROR(WaitForPuts());
  RETURN_IF_ERROR(PutOpenSegment());
  // It may still arrive, and must not when a prune has seen that the session is gone. The next run of this machine
  // fills the name with a fence, if nothing has, and ends the session then.
  if (commit_is_open_) return {};
  return EndQuietly();
}

// --- BlobWriter ---

BlobWriter::BlobWriter(WriteSession& session, uint64_t frame_bytes) : session_(session), frame_bytes_(frame_bytes) {}

BlobWriter::~BlobWriter() {
  if (!data_.blobs.empty() || !metadata_.blobs.empty()) {
    session_.Fail(Error(ErrorCode::kInterrupted, "the run ended before all that was read had been stored"));
  }
}

Result<BlobId> BlobWriter::AddBlob(BlobKind kind, ByteSpan plain) {
  ASSIGN_OR_RETURN(const Added added, Add(kind, plain));
  return added.id;
}

Result<BlobWriter::Added> BlobWriter::Add(BlobKind kind, ByteSpan plain) {
  const Checksum checksum = ChecksumOf(plain);  // before the id: a bit that flips in between is found
  return AddNamed(kind, session_.repository_.hasher().Compute(kind, plain), checksum, plain);
}

Result<void> BlobWriter::AddEach(BlobKind kind, std::span<const ByteSpan> plain, std::span<Added> added) {
  CHECK(plain.size() == added.size());
  std::vector<Checksum> checksums;  // as in Add
  for (const ByteSpan one : plain) checksums.push_back(ChecksumOf(one));
  std::vector<BlobId> ids(plain.size());
  session_.repository_.hasher().ComputeEach(kind, plain, ids);
  for (size_t i = 0; i < plain.size(); ++i) {
    ASSIGN_OR_RETURN(added[i], AddNamed(kind, ids[i], checksums[i], plain[i]));
  }
  return {};
}

Result<BlobWriter::Added> BlobWriter::AddNamed(BlobKind kind, const BlobId& id, const Checksum& checksum,
                                               ByteSpan plain) {
  CHECK(!plain.empty() && plain.size() <= limits::kBlobBytesMax);
  ASSIGN_OR_RETURN(const bool is_new, session_.Claim(kind, id, static_cast<uint32_t>(plain.size())));
  if (!is_new) return Added{id, false};
  RETURN_IF_ERROR(Gather(kind, id, checksum, plain));
  return Added{id, true};
}

Result<void> BlobWriter::AddAnew(BlobKind kind, ByteSpan plain) {
  const Checksum checksum = ChecksumOf(plain);  // before the id: a bit that flips in between is found
  const BlobId id = session_.repository_.hasher().Compute(kind, plain);
  {
    // The claim of what is in the open frame goes with a pack that is put meanwhile, and has the blob in a frame that
    // was moved as it is.
    const std::lock_guard lock(mutex_);
    const OpenFrame& frame = kind == BlobKind::kData ? data_ : metadata_;
    if (std::ranges::find(frame.blobs, id, &BlobEntry::id) != frame.blobs.end()) return {};
  }
  if (!session_.ClaimAnew(id, static_cast<uint32_t>(plain.size()))) return {};
  return Gather(kind, id, checksum, plain);
}

Result<void> BlobWriter::Gather(BlobKind kind, const BlobId& id, const Checksum& checksum, ByteSpan plain) {
  const auto length = static_cast<uint32_t>(plain.size());
  if (plain.size() >= frame_bytes_) {  // a frame alone, straight from the caller's buffer
    auto sealed = session_.SealAndAdd(kind, plain, {{id, length}}, {&checksum, 1});
    if (!sealed) session_.Fail(sealed.error());
    return sealed;
  }
  const std::lock_guard lock(mutex_);
  OpenFrame& frame = kind == BlobKind::kData ? data_ : metadata_;
  const uint64_t target = kind == BlobKind::kData
                              ? frame_bytes_
                              : std::min<uint64_t>(frame_bytes_, session_.context_.limits.frame_bytes_metadata);
  const bool full = frame.plain.size() + plain.size() > target || frame.blobs.size() == limits::kFrameBlobsMax;
  if (!frame.blobs.empty() && full) RETURN_IF_ERROR(CloseFrame(kind, frame));
  if (frame.plain.capacity() == 0) frame.plain.reserve(target);
  Append(frame.plain, plain);
  frame.blobs.push_back({id, length});
  frame.checksums.push_back(checksum);
  return {};
}

Result<void> BlobWriter::CloseFrame(BlobKind kind, OpenFrame& frame) {
  if (frame.blobs.empty()) return {};
  auto sealed = session_.SealAndAdd(kind, frame.plain, std::move(frame.blobs), frame.checksums);
  frame.plain.clear();
  frame.blobs.clear();
  frame.checksums.clear();
  if (!sealed) session_.Fail(sealed.error());
  return sealed;
}

Result<void> BlobWriter::Finish() {
  const std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(CloseFrame(BlobKind::kData, data_));
  return CloseFrame(BlobKind::kMetadata, metadata_);
}

Digest BlobWriter::MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const {
  return session_.repository_.hasher().MetadataHash(label, parts);
}

}  // namespace cairn
