#include "engine/repo/blob_reader.h"

#include <algorithm>

#include "engine/codec/frame_codec.h"
#include "engine/pack/pack_reader.h"

namespace cairn {
namespace {

constexpr uint64_t kPlainBytesTogether = 4 * kMiB;  // little beside what a thread has in hand

std::string PackText(const BlobLocation& location) {
  return PackObjectName(location.pack.kind, location.pack.name).text();
}

// Of several copies, which failure is the one to tell: a blob is lost only where no copy may still be good.
int Weight(ErrorCode code) { return code == ErrorCode::kNotFound ? 0 : IsLoss(code) ? 1 : 2; }

}  // namespace

BlobReader::BlobReader(const Repository& repository, Index& index, const JobContext& context, uint64_t cache_bytes,
                       FindingSink findings, Metadata metadata)
    : repository_(repository),
      index_(index),
      context_(context),
      cache_bytes_max_(cache_bytes),
      findings_(std::move(findings)),
      run_metadata_(metadata == Metadata::kOfTheStore && repository.store().is_far()
                        ? RunMetadata::Begin(repository.cache(), context.random)
                        : nullptr),
      metadata_cache_(metadata == Metadata::kMayBeCached ? repository.metadata_cache()
                      : run_metadata_ != nullptr         ? &run_metadata_->cache()
                                                         : nullptr) {}

Digest BlobReader::MetadataHash(std::string_view label, std::initializer_list<ByteSpan> parts) const {
  return repository_.hasher().MetadataHash(label, parts);
}

Result<Bytes> BlobReader::OpenSealed(const BlobLocation& location, ByteSpan sealed,
                                     const std::optional<BlobNumbers>& only) {
  const Sealed frame{location, sealed, only};
  return std::move(OpenTogether({&frame, 1}).front());
}

void BlobReader::OpenSealedEach(std::span<const Sealed> frames, const EachOpened& each) {
  for (size_t i = 0; i < frames.size();) {
    size_t count = 1;
    uint64_t plain_bytes = frames[i].location.frame->plain_length;
    while (count < kFramesTogether && i + count < frames.size()) {
      plain_bytes += frames[i + count].location.frame->plain_length;
      if (plain_bytes > kPlainBytesTogether) break;
      ++count;
    }
    for (Result<Bytes>& plain : OpenTogether(frames.subspan(i, count))) {
      if (!each(i++, std::move(plain))) return;
    }
  }
}

std::vector<Result<Bytes>> BlobReader::OpenTogether(std::span<const Sealed> frames) const {
  using SessionKey = std::shared_ptr<const Secret32>;
  std::vector<Result<SessionKey>> keys;
  std::vector<std::string> names;
  for (const auto& [location, bytes, only] : frames) {
    const PackSession& session = location.session;
    keys.push_back(
        repository_.session_keys().Get(session.session, session.epoch, location.pack.kind, session.envelope));
    names.push_back(fmt::format("{} frame {}", PackText(location), location.frame_number));
  }
  std::vector<FrameToOpen> to_open;
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto& [location, bytes, only] = frames[i];
    const FrameContext context{location.pack.kind, location.session.suite, repository_.keyring().family()};
    if (keys[i]) to_open.push_back({context, location.frame.get(), bytes, keys[i]->get(), names[i], only});
  }
  std::vector<Result<Bytes>> with_key = OpenFrames(to_open, repository_.hasher());
  std::vector<Result<Bytes>> opened;
  auto next = with_key.begin();
  for (Result<SessionKey>& key : keys) {
    if (key) {
      opened.push_back(std::move(*next++));
    } else {
      opened.emplace_back(std::move(key).error());
    }
  }
  return opened;
}

Result<std::shared_ptr<const Bytes>> BlobReader::OpenFrameAt(const BlobLocation& location) {
  if (metadata_cache_ != nullptr && location.pack.kind == BlobKind::kMetadata) return OpenCachedFrame(location);
  const ObjectName name = PackObjectName(location.pack.kind, location.pack.name);
  ASSIGN_OR_RETURN(const Bytes sealed,
                   repository_.store().GetRange(name, location.frame_offset, location.frame->sealed_length));
  ++frames_read_;
  ASSIGN_OR_RETURN(Bytes plain, OpenSealed(location, sealed));
  return std::make_shared<const Bytes>(std::move(plain));
}

Result<std::shared_ptr<const Bytes>> BlobReader::OpenCachedFrame(const BlobLocation& location) {
  for (;;) {
    ASSIGN_OR_RETURN(const Bytes sealed,
                     metadata_cache_->GetRange(repository_.store(), location.pack.name, location.pack.size,
                                               location.frame_offset, location.frame->sealed_length));
    ++frames_read_;
    auto plain = OpenSealed(location, sealed);
    if (plain) return std::make_shared<const Bytes>(*std::move(plain));
    // Only what the store itself gives may be told as its damage.
    if (!IsLoss(plain.error().code()) || !metadata_cache_->Forget(location.pack.name)) return std::move(plain).error();
  }
}

// Neighbours of one frame are asked for together, by readers beside each other: the first of them opens it.
Result<std::shared_ptr<const Bytes>> BlobReader::FrameThroughCache(const BlobLocation& location) {
  const Key key{location.pack.number, location.frame_number};
  std::shared_ptr<Opening> opening;
  {
    std::unique_lock lock(mutex_);
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      recent_.splice(recent_.begin(), recent_, found->second);
      return found->second->plain;
    }
    const auto [place, is_first] = opening_.try_emplace(key);
    if (is_first) place->second = std::make_shared<Opening>();
    opening = place->second;
    if (!is_first) {
      opened_.wait(lock, [&] { return opening->plain.has_value(); });
      return *opening->plain;
    }
  }
  auto plain = OpenFrameAt(location);
  {
    const std::lock_guard lock(mutex_);
    if (plain && !by_key_.contains(key)) Remember({key, location.pack.kind, *plain, location.frame});
    opening->plain = plain;
    opening_.erase(key);
  }
  opened_.notify_all();
  return plain;
}

uint64_t BlobReader::Cached::bytes() const {
  constexpr uint64_t kBytesABlob = 128;  // in by_id_, about
  return plain->size() + entry->blobs.size() * kBytesABlob;
}

void BlobReader::Remember(Cached frame) {
  if (frame.bytes() > cache_bytes_max_) return;
  recent_.push_front(std::move(frame));
  const auto newest = recent_.begin();
  by_key_.emplace(newest->key, newest);
  cache_bytes_ += newest->bytes();
  uint32_t offset = 0;
  for (const BlobEntry& blob : newest->entry->blobs) {
    by_id_.insert_or_assign(blob.id, Part{newest, offset, blob.length});
    offset += blob.length;
  }
  while (cache_bytes_ > cache_bytes_max_) DropOldest();
}

void BlobReader::DropOldest() {
  const auto oldest = std::prev(recent_.end());
  for (const BlobEntry& blob : oldest->entry->blobs) {
    const auto found = by_id_.find(blob.id);
    if (found != by_id_.end() && found->second.frame == oldest) by_id_.erase(found);
  }
  cache_bytes_ -= oldest->bytes();
  by_key_.erase(oldest->key);
  recent_.pop_back();
}

std::optional<BlobView> BlobReader::FindCached(BlobKind kind, const BlobId& id) {
  const std::lock_guard lock(mutex_);
  const auto found = by_id_.find(id);
  if (found == by_id_.end() || found->second.frame->kind != kind) return std::nullopt;
  const Part& part = found->second;
  recent_.splice(recent_.begin(), recent_, part.frame);
  return BlobView{part.frame->plain, ByteSpan(*part.frame->plain).subspan(part.offset, part.length)};
}

Result<BlobView> BlobReader::TryLocations(BlobKind kind, const BlobId& id, Attempt* attempt) {
  const auto found = index_.Find(id);
  if (!found) attempt->may_be_stale = true;  // the copy on this machine is damaged, and is made anew
  RETURN_IF_ERROR(found);
  std::optional<Error> first;
  for (const BlobLocation& location : *found) {
    if (location.pack.kind != kind) continue;
    attempt->any = true;
    auto plain = FrameThroughCache(location);
    if (plain) {
      const ByteSpan bytes = ByteSpan(**plain).subspan(location.blob_offset, location.length);
      return BlobView{*std::move(plain), bytes};
    }
    const ErrorCode code = plain.error().code();
    if (code == ErrorCode::kNoRight || EndsJob(code)) return std::move(plain).error();
    if (code == ErrorCode::kNotFound) attempt->missing.push_back(location.pack.number);
    const bool last = &location == &found->back();
    if (findings_ && !last && code != ErrorCode::kNotFound && code != ErrorCode::kArchived) {
      TellOtherCopy(location, id, plain.error());
    }
    if (!first || Weight(first->code()) < Weight(code)) first = std::move(plain).error();
  }
  if (first) return *std::move(first);
  attempt->may_be_stale = true;
  return MakeError(ErrorCode::kNotFound, "{} blob {} is in no pack of the index", Name(kind), id.ToHex());
}

// Readers are on many threads.
void BlobReader::TellOtherCopy(const BlobLocation& location, const BlobId& id, const Error& error) {
  const std::lock_guard lock(findings_mutex_);
  findings_({SeverityOf(error), error.code(), PackText(location),
             fmt::format("{}; another copy of blob {} is tried", error.message(), id.Short())});
}

// Brings the index into step, once for all who wait here. A listing that is asked for again and again, for blobs that
// are nowhere, costs a request each: after the first few they come no oftener than once in a while. False: not now.
Result<bool> BlobReader::SyncSince(uint64_t begun_before) {
  constexpr uint64_t kSyncsAtOnce = 16;
  constexpr auto kPauseMin = std::chrono::seconds(30);
  const std::lock_guard lock(sync_mutex_);
  if (last_sync_number_ > begun_before) return true;
  const auto now = context_.clock.Steady();
  if (last_sync_number_ >= kSyncsAtOnce && now - last_sync_ < kPauseMin) return false;
  RETURN_IF_ERROR(SyncNow());
  return true;
}

Result<void> BlobReader::SyncNow() {
  const uint64_t number = ++syncs_begun_;
  // Who must not go on without a segment does not do so here either.
  const Repository::BadSegment pass_over = [](const SegmentId&, const Error&) {};
  RETURN_IF_ERROR(repository_.SyncIndex(index_, context_, index_.goes_on() ? pass_over : Repository::BadSegment()));
  last_sync_number_ = number;
  last_sync_ = context_.clock.Steady();
  return {};
}

Result<void> BlobReader::BringIndexIntoStep() {
  const std::lock_guard lock(sync_mutex_);
  return SyncNow();
}

Result<std::shared_ptr<const Bytes>> BlobReader::ReadBlob(BlobKind kind, const BlobId& id) {
  ASSIGN_OR_RETURN(auto view, ViewBlob(kind, id));
  if (view.bytes.size() == view.owner->size()) return std::move(view.owner);
  return std::make_shared<const Bytes>(ToBytes(view.bytes));
}

Result<BlobView> BlobReader::ViewBlob(BlobKind kind, const BlobId& id) {
  if (auto cached = FindCached(kind, id)) return *std::move(cached);
  const uint64_t begun_before = syncs_begun_;  // what was listed by these may be older than what is about to be missed
  Attempt attempt;
  auto blob = TryLocations(kind, id, &attempt);
  if (blob) return blob;
  if (!MayBeStale(attempt)) {
    if (blob.error().code() == ErrorCode::kNotFound) return Gone(kind, id, blob.error());
    if (EndsJob(blob.error().code())) return blob;  // it is not of this blob
    return std::move(blob).While(fmt::format("reading {} blob {}", Name(kind), id.ToHex()));
  }
  ASSIGN_OR_RETURN(const bool is_in_step, SyncSince(begun_before));
  if (!is_in_step && attempt.any) {  // to say that it is lost would be to guess
    return MakeError(ErrorCode::kBusy,
                     "{} blob {}: its pack is not there, and may have been moved meanwhile: run it again", Name(kind),
                     id.ToHex());
  }
  attempt = {};
  blob = TryLocations(kind, id, &attempt);  // a second failure is the answer
  if (blob || !attempt.any || blob.error().code() != ErrorCode::kNotFound) return blob;
  const std::lock_guard lock(mutex_);
  gone_.insert(attempt.missing.begin(), attempt.missing.end());
  return Gone(kind, id, blob.error());
}

Error BlobReader::Gone(BlobKind kind, const BlobId& id, const Error& why) {
  return Corrupt("{} blob {} is gone with its pack: {}", Name(kind), id.ToHex(), why.message());
}

// Repacked meanwhile, a blob is elsewhere; but a pack that was missing, and named, after the index was brought into
// step is no other's.
bool BlobReader::MayBeStale(const Attempt& attempt) {
  const std::lock_guard lock(mutex_);
  return attempt.may_be_stale ||
         std::ranges::any_of(attempt.missing, [&](uint32_t pack) { return !gone_.contains(pack); });
}

}  // namespace cairn
