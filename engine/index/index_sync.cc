// How the copy is brought into step with a listing.
#include <algorithm>

#include "engine/index/local_index.h"

namespace cairn {
namespace {

// So many segments at once are sorted into place once, when all are there.
constexpr size_t kBulkSegments = 8;

Error Stopped() { return Error(ErrorCode::kInterrupted, "stopped while the index was read"); }

// The sessions of a segment as the packs of one kind see them.
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
  std::vector<std::pair<SegmentId, PackName>> unresolved;  // named, with no rows in the copy

  void Name(uint32_t number) {
    if (named.size() <= number) named.resize(number + 1);
    named[number] = true;
  }
  void Take(const SegmentId& id, const index_rows::SegmentRow& row, const PackSet& packs) {
    for (const PackName& name : row.packs) {
      const auto slot = packs.FindSlot(name);
      if (slot && slot->complete) {
        Name(slot->number);
      } else {
        unresolved.emplace_back(id, name);
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
  if (damaged_) RETURN_IF_ERROR(MakeAnew(context.log));
  auto result = SyncOnce(listed, load, context);
  if (result || !damaged_) return result;
  RETURN_IF_ERROR(MakeAnew(context.log));
  return SyncOnce(listed, load, context);
}

void LocalIndex::WriteNotes(Log& log) {
  for (const std::string& note : notes_) log.Info("{}", note);
  notes_.clear();
}

Result<void> LocalIndex::MakeAnew(Log& log) {
  log.Warning("index: the local copy in {} is damaged and made anew", folder_->table());
  table_ = nullptr;
  packs_.Clear();
  frames_.Clear();
  retired_.clear();
  removed_.clear();
  RETURN_IF_ERROR(folder_->EmptyDamaged());
  damaged_ = false;
  may_copy_shared_ = false;  // what is damaged may be a file of theirs
  return OpenTable();
}

Result<void> LocalIndex::SyncOnce(const std::vector<SegmentId>& listed, const LoadSegment& load,
                                  const JobContext& context) {
  Listing listing;
  ASSIGN_OR_RETURN(const auto missing, ReadKnown(listed, listing));
  RETURN_IF_ERROR(LoadAll(missing, load, context, listing));
  RETURN_IF_ERROR(ReloadUnresolved(load, context, listing));
  return Settle(listing);
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
  const bool is_bulk = missing.size() >= kBulkSegments;
  if (is_bulk) RETURN_IF_ERROR(Noting(table_->BeginBulk()));
  Result<void> result;
  for (const SegmentId& id : missing) {
    result = context.stop.stop_requested() ? Stopped() : LoadOne(id, load, listing);
    if (!result) break;
  }
  if (is_bulk) {
    const auto sorted = Noting(table_->EndBulk(context.clock, context.stop));
    if (result) result = sorted;
  }
  return result;
}

Result<void> LocalIndex::LoadOne(const SegmentId& id, const LoadSegment& load, Listing& listing) {
  auto loaded = load(id);
  if (!loaded && loaded.error().code() == ErrorCode::kNotFound) {
    return MakeError(ErrorCode::kBusy, "segment {} went while the index was read", id.ToHex());
  }
  if (!loaded) return std::move(loaded).error();
  const IndexSegment& segment = *loaded;
  RETURN_IF_ERROR(CheckEnvelopes(id, segment));
  const std::vector<PackSession> of_data = SessionsOf(segment, BlobKind::kData);
  const std::vector<PackSession> of_metadata = SessionsOf(segment, BlobKind::kMetadata);
  for (const SegmentPack& pack : segment.packs) {
    RETURN_IF_ERROR(Store(pack, pack.kind == BlobKind::kData ? of_data : of_metadata));
  }
  // Last: a crash before this makes the next Sync load the segment again.
  const auto row = index_rows::SegmentRow::Of(segment);
  RETURN_IF_ERROR(Noting(table_->PutSegment(id, row)));
  listing.Take(id, row, packs_);
  return {};
}

// A known segment names packs that have no rows: a listing without the `removed` list that dropped them, or a crash.
Result<void> LocalIndex::ReloadUnresolved(const LoadSegment& load, const JobContext& context, Listing& listing) {
  const auto unresolved = std::move(listing.unresolved);
  listing.unresolved.clear();
  for (const auto& [segment, name] : unresolved) {
    if (listing.removed_names.contains(name)) continue;
    if (context.stop.stop_requested()) return Stopped();
    const auto slot = packs_.FindSlot(name);
    if (slot && slot->complete) {
      listing.Name(slot->number);
    } else {
      Listing again;  // what it says is in `listing` already, but for the packs
      RETURN_IF_ERROR(LoadOne(segment, load, again));
      const auto stored = packs_.FindSlot(name);
      if (stored && stored->complete) listing.Name(stored->number);
    }
  }
  return {};
}

Result<void> LocalIndex::Settle(Listing& listing) {
  retired_.clear();
  for (const RetiredFrame& frame : listing.retired) {
    const auto slot = packs_.FindSlot(frame.pack);
    if (slot) retired_.insert(static_cast<uint64_t>(slot->number) << 32 | frame.frame);
  }
  removed_ = std::move(listing.removed);
  for (const uint32_t number : packs_.Settle(listing.named, listing.removed_names)) {
    packs_.SetIncomplete(number);
    RETURN_IF_ERROR(Noting(table_->DropPack(number)));
    packs_.Erase(number);
  }
  return Noting(table_->Flush());
}

}  // namespace cairn
