#include "engine/index/index.h"

#include <algorithm>
#include <future>
#include <system_error>
#include <tuple>

#include "engine/index/index_bulk.h"
#include "engine/index/local_index.h"

namespace cairn {

Result<std::unique_ptr<Index>> Index::Open(const IndexOptions& options) {
  ASSIGN_OR_RETURN(auto folder, CopyFolder::Take(options.folder));
  auto index = std::make_unique<LocalIndex>(options, std::move(folder));
  auto opened = index->OpenTable();
  if (!opened && IsLoss(opened.error().code())) {  // of this machine's copy, not of the repository
    opened = MakeError(ErrorCode::kIo, "{}", opened.error().message());
  }
  RETURN_IF_ERROR(opened);
  return index;
}

LocalIndex::LocalIndex(const IndexOptions& options, std::unique_ptr<CopyFolder> folder)
    : options_(options),
      folder_(std::move(folder)),
      frames_(options.memory_bytes / 8),
      neighbours_(options.memory_bytes / 8) {}

Result<void> LocalIndex::OpenTable() {
  constexpr int kAttemptLast = 2;
  for (int attempt = 0;; ++attempt) {
    if (is_private() && may_copy_shared_ && attempt < kAttemptLast) {
      const auto copied = folder_->CopyShared();
      if (!copied) notes_.push_back(fmt::format("index: private copy begins empty: {}", copied.error().message()));
      if (!copied) RETURN_IF_ERROR(folder_->Empty());
    }
    auto opened = IndexTable::Open({.folder = folder_->table(),
                                    .repository = options_.repository,
                                    .memory_bytes = options_.memory_bytes / 8 * 6,
                                    .is_temporary = is_private()});
    if (opened) {
      table_ = *std::move(opened);
      packs_.Reserve(table_->EstimatePacks());
      const auto read = LoadPacks();
      const auto next = table_->NextNumber();
      const auto generation = table_->Generation();
      if (read && next && generation) {
        packs_.SetNextNumber(*next);
        table_->SetDropped(packs_.MissingNumbers(*next));
        if (!*generation) return BeginGeneration();
        generation_ = **generation;
        return {};
      }
      opened = !read ? read.error() : !next ? next.error() : generation.error();
      table_ = nullptr;
      packs_.Clear();
    }
    if (opened.error().code() != ErrorCode::kCorrupt || attempt == kAttemptLast) return std::move(opened).error();
    notes_.push_back(fmt::format("index: the local copy is made anew: {}", opened.error().message()));
    RETURN_IF_ERROR(folder_->Empty());
  }
}

// Of many packs, half of the work is reading their rows, half is entering them by name: at the same time.
Result<void> LocalIndex::LoadPacks() {
  constexpr size_t kRowsAtOnce = 16'384;
  using Rows = std::vector<std::pair<uint32_t, index_rows::PackRow>>;
  Rows rows;
  std::future<void> loading;
  const auto load = [this](const Rows& loaded) {
    for (const auto& [number, row] : loaded) packs_.Load(number, row);
  };
  const auto hand_over = [&] {
    if (loading.valid()) loading.get();
    const auto full = std::make_shared<const Rows>(std::exchange(rows, {}));
    try {
      loading = std::async(std::launch::async, [full, load] { load(*full); });
    } catch (const std::system_error&) {  // no thread: one after the other
      load(*full);
    }
  };
  const auto read = table_->ForEachPack([&](uint32_t number, const index_rows::PackRow& row) {
    rows.emplace_back(number, row);
    if (rows.size() == kRowsAtOnce) hand_over();
  });
  if (loading.valid()) loading.get();
  load(rows);
  return read;
}

Result<void> LocalIndex::BeginGeneration() {
  SystemRandom().Fill(generation_);
  return Noting(table_->PutGeneration(generation_));
}

void LocalIndex::NoteDamage() {
  if (!damaged_.exchange(true)) folder_->MarkDamaged();
}

Result<bool> LocalIndex::DropOther(const PackName& name, const PackDigest& digest) {
  // What is new, or known as it is, as most are, waits for nobody who reads, or compacts.
  const auto known = packs_.FindSlot(name);
  if (!known || (known->complete && known->digest == digest)) return false;
  const std::unique_lock lock(rows_mutex_);
  RETURN_IF_ERROR(NeedTable());
  const auto slot = packs_.FindSlot(name);
  if (!slot || (slot->complete && slot->digest == digest)) return false;
  if (slot->complete) RETURN_IF_ERROR(BeginGeneration());
  // Those of an incomplete one too.
  packs_.SetIncomplete(slot->number);
  RETURN_IF_ERROR(Noting(table_->DropPack(slot->number)));
  packs_.Erase(slot->number);  // it gets a new number: what is remembered under the old one is of the old rows
  return slot->complete;
}

Result<uint32_t> LocalIndex::Store(const SegmentPack& pack, std::span<const PackSession> sessions,
                                   const PackDigest& digest, IndexTable::Bulk* bulk) {
  const PackSet::Slot slot = packs_.SlotOf(pack.name);
  if (slot.complete) return slot.number;
  auto put = bulk != nullptr && bulk->CanTake(slot.number) ? bulk->PutPack(slot.number, pack, sessions, digest)
                                                           : table_->PutPack(slot.number, pack, sessions, digest);
  ASSIGN_OR_RETURN(const index_rows::PackRow row, Noting(std::move(put)));
  packs_.SetRow(slot.number, row);
  if (bulk == nullptr || !bulk->Holds(slot.number)) packs_.SetComplete(slot.number);
  return slot.number;
}

Result<void> LocalIndex::AddPack(const SegmentPack& pack, const std::vector<PackSession>& sessions) {
  if (packs_.IsRemoved(pack.name)) {
    return MakeError(ErrorCode::kInvalidArgument, "pack {} was taken out of the index", pack.name.ToString());
  }
  const PackDigest digest = DigestOf(pack, sessions);
  RETURN_IF_ERROR(DropOther(pack.name, digest));
  const std::shared_lock lock(rows_mutex_);
  RETURN_IF_ERROR(NeedTable());
  ASSIGN_OR_RETURN(const uint32_t number, Store(pack, sessions, digest, nullptr));
  packs_.SetAdded(number);
  return {};
}

// The row says what the segment says, by the segment itself: rows of a pack may meanwhile come from another's entry.
Result<void> LocalIndex::AddSegment(const SegmentId& id, const IndexSegment& segment) {
  const std::vector<PackSession> of_data = SessionsOf(segment, BlobKind::kData);
  const std::vector<PackSession> of_metadata = SessionsOf(segment, BlobKind::kMetadata);
  index_rows::SegmentRow row{.removed = segment.removed, .retired = segment.retired};
  row.packs.reserve(segment.packs.size());
  for (const SegmentPack& pack : segment.packs) {
    row.packs.emplace_back(pack.name, DigestOf(pack, pack.kind == BlobKind::kData ? of_data : of_metadata));
  }
  const std::shared_lock lock(rows_mutex_);
  RETURN_IF_ERROR(NeedTable());
  return OfTheCopy(Noting(table_->PutSegment(id, row)));
}

Result<void> LocalIndex::Flush() {
  const std::shared_lock lock(rows_mutex_);
  RETURN_IF_ERROR(NeedTable());
  return OfTheCopy(Noting(table_->Flush()));
}

bool LocalIndex::Counts(const BlobPlace& place) const {
  return packs_.CountsForWriter(place.pack) && !IsRetired(place.pack, place.frame);
}

Result<bool> LocalIndex::HasForWriter(const BlobId& id, std::optional<uint32_t> length) {
  const std::shared_lock lock(rows_mutex_);
  if (table_ == nullptr) return false;  // as where it is damaged
  if (length) {
    const auto near = neighbours_.Find(id);
    if (near && near->length == *length && Counts(*near)) return true;
  }
  std::optional<uint32_t> first;
  std::optional<BlobPlace> usable;
  bool agree = true;
  const auto found = Noting(table_->Places(id, [&](const BlobPlace& place) {
    if (!packs_.Find(place.pack)) return;
    agree = agree && first.value_or(place.length) == place.length;
    first = place.length;
    if (!usable && length.value_or(place.length) == place.length && Counts(place)) usable = place;
  }));
  // Where the copy is damaged the blob is stored once more: a cache does not stop a backup.
  if (!found && found.error().code() != ErrorCode::kCorrupt) return found.error();
  if (!found || !usable || (!length && !agree)) return false;
  RememberNeighbours(*usable);
  return true;
}

void LocalIndex::RememberNeighbours(const BlobPlace& place) {
  Neighbours::Step step = neighbours_.NoteFound(place);
  if (step.blobs == 0) return;
  const auto put = [&](uint32_t frame, const FrameEntry& entry) {
    return neighbours_.Put(place.pack, frame, entry, frame == place.frame ? place.blob : 0, step);
  };
  const auto read = Noting(table_->EachFrame(place.pack, place.frame, step.frames, put));
  IgnoreError(read, "without it the table is asked");
}

Result<std::shared_ptr<const IndexedFrame>> LocalIndex::CachedFrame(uint32_t pack, uint32_t frame) {
  if (auto cached = frames_.Get(pack, frame)) return cached;
  ASSIGN_OR_RETURN(IndexedFrame read, Noting(table_->Frame(pack, frame)));
  auto shared = std::make_shared<const IndexedFrame>(std::move(read));
  frames_.Put(pack, frame, shared);
  return shared;
}

Result<BlobLocation> LocalIndex::Locate(const BlobId& id, const IndexedPack& pack, const BlobPlace& place) {
  ASSIGN_OR_RETURN(const auto frame, CachedFrame(place.pack, place.frame));
  const std::vector<BlobEntry>& blobs = frame->entry->blobs;
  if (place.blob >= blobs.size() || blobs[place.blob].id != id || blobs[place.blob].length != place.length) {
    NoteDamage();
    return Corrupt("index copy in {}: blob {} is not where its row says", folder_->table(), id.ToHex());
  }
  BlobLocation location{.pack = pack,
                        .frame_number = place.frame,
                        .frame_offset = frame->offset,
                        .frame = frame->entry,
                        .session = frame->session,
                        .blob_number = place.blob,
                        .length = place.length,
                        .retired = IsRetired(place.pack, place.frame)};
  for (uint32_t b = 0; b < place.blob; ++b) location.blob_offset += blobs[b].length;
  return location;
}

Result<std::vector<BlobLocation>> LocalIndex::Find(const BlobId& id) {
  const std::shared_lock lock(rows_mutex_);
  RETURN_IF_ERROR(NeedTable());
  return OfTheCopy(Locations(id));
}

Result<std::vector<BlobLocation>> LocalIndex::Locations(const BlobId& id) {
  std::vector<std::pair<IndexedPack, BlobPlace>> places;
  RETURN_IF_ERROR(Noting(table_->Places(id, [&](const BlobPlace& place) {
    const auto pack = packs_.Find(place.pack);
    if (pack) places.emplace_back(*pack, place);
  })));
  std::vector<BlobLocation> locations;
  locations.reserve(places.size());
  for (const auto& [pack, place] : places) {
    ASSIGN_OR_RETURN(BlobLocation location, Locate(id, pack, place));
    locations.push_back(std::move(location));
  }
  const auto rank = [](const BlobLocation& place) {
    return std::tie(place.pack.tombstoned, place.retired, place.pack.name);
  };
  std::sort(locations.begin(), locations.end(),
            [&rank](const BlobLocation& a, const BlobLocation& b) { return rank(a) < rank(b); });
  return locations;
}

Result<std::vector<IndexedFrame>> LocalIndex::Frames(uint32_t pack_number) {
  const std::shared_lock lock(rows_mutex_);
  RETURN_IF_ERROR(NeedTable());
  if (!packs_.Find(pack_number)) return MakeError(ErrorCode::kNotFound, "index has no pack {}", pack_number);
  return OfTheCopy(FramesOf(pack_number));
}

Result<std::vector<IndexedFrame>> LocalIndex::FramesOf(uint32_t pack_number) {
  ASSIGN_OR_RETURN(auto frames, Noting(table_->Frames(pack_number)));
  for (uint32_t f = 0; f < frames.size(); ++f) frames[f].retired = IsRetired(pack_number, f);
  return frames;
}

namespace {

// What ForEachBlob asks of each row, by pack number: four bytes a pack, and no lock.
class PackOrder {
 public:
  PackOrder(const std::vector<IndexedPack>& packs, uint32_t next_number) : values_(next_number) {
    for (uint32_t i = 0; i < packs.size(); ++i) {
      const IndexedPack& pack = packs[i];
      if (pack.number >= next_number) continue;  // it was added while this was made
      const uint32_t flags = (pack.tombstoned ? kTombstoned : 0) | (pack.kind == BlobKind::kData ? kData : 0);
      values_[pack.number] = flags | (i + 1);
    }
  }
  bool Counts(uint32_t pack) const { return pack < values_.size() && values_[pack] != 0; }
  BlobKind Kind(uint32_t pack) const { return values_[pack] & kData ? BlobKind::kData : BlobKind::kMetadata; }
  bool Tombstoned(uint32_t pack) const { return values_[pack] & kTombstoned; }
  uint32_t Rank(uint32_t pack) const { return values_[pack] & ~(kData | kTombstoned); }  // by name

 private:
  static constexpr uint32_t kData = 1u << 31, kTombstoned = 1u << 30;
  std::vector<uint32_t> values_;
};

}  // namespace

Result<void> LocalIndex::ForEachBlobOf(const IdShare& share, const EachBlob& each) {
  RETURN_IF_ERROR(NeedTable());
  bool is_damage = true;  // an error of `each` says nothing of the copy
  auto walked = Walk(share, each, &is_damage);
  return is_damage ? OfTheCopy(Noting(std::move(walked))) : walked;
}

Result<void> LocalIndex::Walk(const IdShare& share, const EachBlob& each, bool* is_damage) {
  const uint32_t next_number = packs_.next_number();
  const PackOrder order(packs_.Sorted(), next_number);
  const auto rank = [&](const BlobPlace& place) {
    return std::tuple(order.Tombstoned(place.pack), IsRetired(place.pack, place.frame), order.Rank(place.pack));
  };
  BlobId id;
  std::vector<BlobPlace> places;  // of `id`, so far
  const auto give = [&]() -> Result<void> {
    if (places.empty()) return {};
    std::sort(places.begin(), places.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
    auto given = each(id, order.Kind(places.front().pack), places);
    *is_damage = given.has_value();
    places.clear();
    return given;
  };
  RETURN_IF_ERROR(
      table_->ForEachBlobRow(share.First(), share.End(), [&](const index_rows::BlobRow& row) -> Result<void> {
        if (!order.Counts(row.place.pack)) return {};
        if (row.id != id) RETURN_IF_ERROR(give());
        id = row.id;
        places.push_back(row.place);
        return {};
      }));
  return give();
}

}  // namespace cairn
