// How the copy is brought into step with a listing.
#include <algorithm>

#include "engine/index/index_bulk.h"
#include "engine/index/local_index.h"

namespace cairn {
namespace {

// So many segments at once are put in place together, when all are there. A stop loses what was fetched, and it takes
// disk to sort: not more than this at a time.
constexpr size_t kBulkSegments = 8;
constexpr uint64_t kBulkBlobsMax = uint64_t{128} << 20;

Error Stopped() { return Error(ErrorCode::kInterrupted, "stopped while the index was read"); }

// Every frame has the envelope that opens it.
Result<void> CheckEnvelopes(const SegmentId& id, const IndexSegment& segment) {
  for (const SegmentPack& pack : segment.packs) {
    for (const FrameEntry& frame : pack.frames) {
      if (frame.codec == Codec::kPadding) continue;
      const bool is_known = frame.session < segment.sessions.size();
      const auto* session = is_known ? &segment.sessions[frame.session] : nullptr;
      if (session != nullptr && (pack.kind == BlobKind::kData ? session->content : session->metadata)) continue;
      return Corrupt("segment {}: pack {} has a frame of session {}, which has no envelope there", id.ToHex(),
                     pack.name.ToString(), frame.session);
    }
  }
  return {};
}

}  // namespace

struct LocalIndex::Listing {
  std::vector<bool> named;  // by pack number
  std::unordered_set<PackName> removed_names;
  std::vector<std::pair<PackName, SegmentId>> removed;
  std::vector<RetiredFrame> retired;
  struct Unresolved {  // named, with no rows in the copy, or with rows that were made from something else
    SegmentId segment;
    PackName pack;
    PackDigest digest;
  };
  std::vector<Unresolved> unresolved;
  std::unordered_set<PackName> disputed;
  bool retires_anew = false;                        // a segment that was not known has such frames
  std::unordered_set<PackName> removed_with_entry;  // of those that are in `unresolved`, or were

  bool HasNamed(uint32_t number) const { return number < named.size() && named[number]; }
  void Name(uint32_t number) {
    if (named.size() <= number) named.resize(number + 1);
    named[number] = true;
  }
  void Take(const SegmentId& id, const index_rows::SegmentRow& row, const PackSet& packs) {
    for (const auto& [name, digest] : row.packs) {
      const auto slot = packs.FindSlot(name);
      if (slot && slot->complete && slot->digest == digest) {
        Name(slot->number);
      } else {
        unresolved.push_back({id, name, digest});
      }
    }
    for (const PackName& name : row.removed) {
      removed_names.insert(name);
      removed.emplace_back(name, id);
    }
    retired.insert(retired.end(), row.retired.begin(), row.retired.end());
  }
};

Result<void> LocalIndex::Sync(std::vector<SegmentId> listed, const LoadSegment& load, const JobContext& context) {
  std::sort(listed.begin(), listed.end());
  listed.erase(std::unique(listed.begin(), listed.end()), listed.end());
  WriteNotes(context.log);
  if (damaged_ || table_ == nullptr) RETURN_IF_ERROR(MakeAnew(context.log));
  auto result = SyncOnce(listed, load, context);
  if (result || !damaged_) return result;
  RETURN_IF_ERROR(MakeAnew(context.log));
  result = SyncOnce(listed, load, context);
  return damaged_ ? OfTheCopy(std::move(result)) : result;
}

void LocalIndex::WriteNotes(Log& log) {
  for (const std::string& note : notes_) log.Info("{}", note);
  notes_.clear();
}

Result<void> LocalIndex::MakeAnew(Log& log) {
  log.Warning("index: the local copy in {} is damaged and made anew", folder_->table());
  const std::unique_lock lock(rows_mutex_);
  table_ = nullptr;
  packs_.Clear();
  frames_.Clear();
  neighbours_.Clear();
  retired_.clear();
  removed_.clear();
  removed_without_entry_.clear();
  may_copy_shared_ = false;  // what is damaged may be a file of theirs
  RETURN_IF_ERROR(OfTheCopy(folder_->EmptyDamaged()));
  RETURN_IF_ERROR(OfTheCopy(OpenTable()));
  damaged_ = false;
  return {};
}

Result<void> LocalIndex::SyncOnce(const std::vector<SegmentId>& listed, const LoadSegment& load,
                                  const JobContext& context) {
  Listing listing;
  ASSIGN_OR_RETURN(const auto missing, ReadKnown(listed, listing));
  RETURN_IF_ERROR(LoadAll(missing, load, context, listing));
  RETURN_IF_ERROR(ReloadUnresolved(load, context, listing));
  ASSIGN_OR_RETURN(const bool dropped, Settle(listing));
  if (!dropped) return {};
  const std::shared_lock lock(rows_mutex_);  // others read and add meanwhile
  return Noting(table_->LeaveOutDropped(packs_.blob_count(), context.stop));
}

Result<std::vector<SegmentId>> LocalIndex::ReadKnown(const std::vector<SegmentId>& listed, Listing& listing) {
  std::unordered_set<SegmentId> known;
  std::vector<SegmentId> gone;
  RETURN_IF_ERROR(Noting(table_->ForEachSegment([&](const SegmentId& id, const index_rows::SegmentRow& row) {
    if (std::binary_search(listed.begin(), listed.end(), id)) {
      known.insert(id);
      listing.Take(id, row, packs_);
    } else {
      gone.push_back(id);
    }
  })));
  for (const SegmentId& id : gone) RETURN_IF_ERROR(Noting(table_->DropSegment(id)));
  std::vector<SegmentId> missing;
  for (const SegmentId& id : listed) {
    if (!known.contains(id)) missing.push_back(id);
  }
  return missing;
}

Result<void> LocalIndex::LoadAll(const std::vector<SegmentId>& missing, const LoadSegment& load,
                                 const JobContext& context, Listing& listing) {
  std::span<const SegmentId> left = missing;
  while (left.size() >= kBulkSegments) RETURN_IF_ERROR(LoadInBulk(left, load, context, listing));
  for (const SegmentId& id : left) {
    if (context.stop.stop_requested()) return Stopped();
    RETURN_IF_ERROR(LoadOne(id, load, listing, nullptr));
  }
  return {};
}

// What was loaded before a segment that cannot be is put in place all the same: it need not be fetched again.
Result<void> LocalIndex::LoadInBulk(std::span<const SegmentId>& left, const LoadSegment& load,
                                    const JobContext& context, Listing& listing) {
  ASSIGN_OR_RETURN(const auto bulk, Noting(IndexTable::Bulk::Begin(*table_, context.limits.memory_bytes / 8)));
  const std::span<const SegmentId> all = left;
  Result<void> fetched, put;
  for (; !left.empty() && bulk->blob_count() < kBulkBlobsMax; left = left.subspan(1)) {
    if (context.stop.stop_requested()) put = Stopped();
    if (!put) break;
    auto segment = Fetch(left.front(), load);
    if (!segment) {
      fetched = std::move(segment).error();
      break;
    }
    put = PutInBulk(left.front(), *segment, listing, *bulk);
  }
  if (put) put = Noting(bulk->Finish(context.executor.workers(), context.stop));
  if (!put) {
    ForgetPacks(bulk->packs());
    return put;
  }
  for (const uint32_t number : bulk->packs()) packs_.SetComplete(number);
  for (const SegmentId& id : all.first(all.size() - left.size())) {
    ASSIGN_OR_RETURN(const index_rows::SegmentRow row, Noting(table_->Segment(id)));
    listing.Take(id, row, packs_);
  }
  return fetched;
}

Result<void> LocalIndex::PutInBulk(const SegmentId& id, const IndexSegment& segment, Listing& listing,
                                   IndexTable::Bulk& bulk) {
  ASSIGN_OR_RETURN(const index_rows::SegmentRow row, StorePacks(segment, listing, nullptr, &bulk));
  return Noting(bulk.PutSegment(id, row));
}

// Rows that were to come did not.
void LocalIndex::ForgetPacks(const std::vector<uint32_t>& numbers) {
  const std::unique_lock lock(rows_mutex_);
  for (const uint32_t number : numbers) packs_.Erase(number);
}

Result<IndexSegment> LocalIndex::Fetch(const SegmentId& id, const LoadSegment& load) {
  auto loaded = load(id);
  if (!loaded && loaded.error().code() == ErrorCode::kNotFound) {
    return MakeError(ErrorCode::kBusy, "segment {} went while the index was read", id.ToHex());
  }
  if (loaded) RETURN_IF_ERROR(CheckEnvelopes(id, *loaded));
  return loaded;
}

Result<index_rows::SegmentRow> LocalIndex::StorePacks(const IndexSegment& segment, Listing& listing,
                                                      const Listing* settled, IndexTable::Bulk* bulk) {
  const std::vector<PackSession> of_data = SessionsOf(segment, BlobKind::kData);
  const std::vector<PackSession> of_metadata = SessionsOf(segment, BlobKind::kMetadata);
  index_rows::SegmentRow row{.removed = segment.removed, .retired = segment.retired};
  row.packs.reserve(segment.packs.size());
  for (const SegmentPack& pack : segment.packs) {
    const auto& sessions = pack.kind == BlobKind::kData ? of_data : of_metadata;
    const PackDigest digest = DigestOf(pack, sessions);
    const auto before = packs_.FindSlot(pack.name);
    row.packs.emplace_back(pack.name, digest);
    if (settled != nullptr && before && settled->HasNamed(before->number)) continue;
    if (bulk != nullptr && before && bulk->Holds(before->number)) continue;  // where they differ it is told later
    ASSIGN_OR_RETURN(const bool differs, DropOther(pack.name, digest));
    // Nothing before: another thread has added it since.
    if (differs && before && listing.HasNamed(before->number)) listing.disputed.insert(pack.name);
    const std::shared_lock lock(rows_mutex_);  // no DropOther of another thread meanwhile
    RETURN_IF_ERROR(Store(pack, sessions, digest, bulk));
  }
  listing.retires_anew = listing.retires_anew || !segment.retired.empty();
  return row;
}

Result<void> LocalIndex::LoadOne(const SegmentId& id, const LoadSegment& load, Listing& listing,
                                 const Listing* settled) {
  ASSIGN_OR_RETURN(const IndexSegment segment, Fetch(id, load));
  ASSIGN_OR_RETURN(const index_rows::SegmentRow row, StorePacks(segment, listing, settled, nullptr));
  // Last: a crash before this makes the next Sync load the segment again.
  RETURN_IF_ERROR(Noting(table_->PutSegment(id, row)));
  listing.Take(id, row, packs_);
  return {};
}

// A known segment names packs that have no rows (a listing without the `removed` list that dropped them, or a crash),
// or rows from a segment that is listed no more and said something else.
Result<void> LocalIndex::ReloadUnresolved(const LoadSegment& load, const JobContext& context, Listing& listing) {
  const auto unresolved = std::move(listing.unresolved);
  listing.unresolved.clear();
  for (const auto& [segment, name, digest] : unresolved) {
    if (listing.removed_names.contains(name)) {
      listing.removed_with_entry.insert(name);
      continue;
    }
    if (context.stop.stop_requested()) return Stopped();
    const auto slot = packs_.FindSlot(name);
    const bool is_there = slot && slot->complete;
    if (is_there && slot->digest == digest) {
      listing.Name(slot->number);
    } else if (is_there && listing.HasNamed(slot->number)) {
      listing.disputed.insert(name);  // another listed segment says what the rows say
    } else {
      Listing again;  // what it says is in `listing` already, but for the packs
      RETURN_IF_ERROR(LoadOne(segment, load, again, &listing));
      const auto stored = packs_.FindSlot(name);
      if (stored && stored->complete) listing.Name(stored->number);
    }
  }
  return {};
}

Result<bool> LocalIndex::Settle(Listing& listing) {
  const std::unique_lock lock(rows_mutex_);
  retired_.clear();
  for (const RetiredFrame& frame : listing.retired) {
    const auto slot = packs_.FindSlot(frame.pack);
    if (slot) retired_.insert(static_cast<uint64_t>(slot->number) << 32 | frame.frame);
  }
  removed_ = std::move(listing.removed);
  removed_without_entry_.clear();
  for (const PackName& name : listing.removed_names) {
    const auto slot = packs_.FindSlot(name);
    const bool has_entry = listing.removed_with_entry.contains(name) || (slot && listing.HasNamed(slot->number));
    if (!has_entry) removed_without_entry_.push_back(name);
  }
  // Before anything goes: a crash between the two leaves the later generation with the older rows, which costs
  // look-ups.
  const bool loses = packs_.Loses(listing.named, listing.removed_names);
  if (loses || listing.retires_anew) RETURN_IF_ERROR(BeginGeneration());
  const auto dropped = packs_.Settle(listing.named, listing.disputed, std::move(listing.removed_names));
  for (const uint32_t number : dropped) {
    packs_.SetIncomplete(number);
    RETURN_IF_ERROR(Noting(table_->DropPack(number)));
    packs_.Erase(number);
  }
  RETURN_IF_ERROR(Noting(table_->Flush()));
  return !dropped.empty();
}

}  // namespace cairn
