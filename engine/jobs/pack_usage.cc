#include "engine/jobs/pack_usage.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "engine/jobs/live_places.h"
#include "engine/jobs/needed_places.h"

namespace cairn {
namespace {

constexpr size_t kMissingMax = 1'000;
constexpr size_t kPlacesAtOnce = 4'096;

Result<void> Miss(const BlobId& id, std::vector<BlobId>& missing) {
  if (missing.size() < kMissingMax) missing.push_back(id);
  return {};
}

// Which places of a needed blob must stay: all that are in different frames. A location that nobody opened proves
// nothing: who can write could have put garbage under this id. Only an identical frame (equal check) is redundant, and
// of those the preferred one stays. SPEC section 9.
Result<void> KeepPlaces(Index& index, const BlobId& id, std::span<const BlobPlace> places,
                        std::vector<BlobPlace>& kept) {
  if (places.size() == 1) {
    kept.push_back(places.front());
    return {};
  }
  ASSIGN_OR_RETURN(const std::vector<BlobLocation> locations, index.Find(id));
  std::set<FrameCheck> checks;
  for (const BlobLocation& location : locations) {
    if (!checks.insert(location.frame->check).second) continue;
    kept.push_back({location.pack.number, location.frame_number, location.blob_number, location.length});
  }
  return {};
}

// The places of needed blobs that must stay.
Result<void> FindLive(const JobContext& context, Index& index, IdSorter& needed, LivePlaces& live,
                      std::vector<BlobId>& missing) {
  struct OfShare {
    std::vector<BlobPlace> kept;  // on their way
    std::vector<BlobId> missing;
  };
  std::vector<OfShare> shares(context.executor.workers() + 1);
  std::mutex mutex;  // guards `live`
  const auto hand_over = [&](OfShare& share) -> Result<void> {
    const std::lock_guard lock(mutex);
    for (const BlobPlace& place : share.kept) RETURN_IF_ERROR(live.Add(place));
    share.kept.clear();
    return {};
  };
  RETURN_IF_ERROR(ForEachNeededAtOnce(
      context, index, needed,
      [&](const IdShare& share, const BlobId& id, std::span<const BlobPlace> places) -> Result<void> {
        OfShare& own = shares.at(share.number);
        if (places.empty()) return Miss(id, own.missing);
        RETURN_IF_ERROR(KeepPlaces(index, id, places, own.kept));
        return own.kept.size() < kPlacesAtOnce ? Result<void>() : hand_over(own);
      }));
  for (OfShare& share : shares) {
    RETURN_IF_ERROR(hand_over(share));
    for (const BlobId& id : share.missing) RETURN_IF_ERROR(Miss(id, missing));
  }
  return {};
}

// One flag for each blob of a pack, frame by frame.
Result<std::vector<bool>> LiveBlobs(const IndexedPack& pack, const std::vector<IndexedFrame>& frames,
                                    LivePlaces& places) {
  std::vector<size_t> begins;  // of each frame
  size_t blobs = 0;
  for (const IndexedFrame& frame : frames) {
    begins.push_back(blobs);
    blobs += frame.entry->blobs.size();
  }
  std::vector<bool> live(blobs);
  RETURN_IF_ERROR(places.TakePack(pack.number, [&](uint32_t frame, uint32_t blob) -> Result<void> {
    if (frame >= frames.size() || blob >= frames[frame].entry->blobs.size()) {
      return MakeError(ErrorCode::kIo, "this machine's copy of the index has a blob of pack {} where the pack has none",
                       pack.name.ToString());
    }
    live[begins[frame] + blob] = true;
    return {};
  }));
  return live;
}

bool IsYoung(const IndexedPack& pack, const std::vector<IndexedFrame>& frames, const YoungPacks& young) {
  return pack.number >= young.number_first || std::ranges::any_of(frames, [&](const IndexedFrame& frame) {
           return young.sessions.contains(frame.session.session);
         });
}

PackPlan PlanOf(const IndexedPack& pack, const std::vector<IndexedFrame>& frames, const std::vector<bool>& live) {
  PackPlan plan;
  plan.pack = pack;
  size_t blob_first = 0;  // of the frame
  for (const IndexedFrame& frame : frames) {
    const FrameEntry& entry = *frame.entry;
    const size_t first = std::exchange(blob_first, blob_first + entry.blobs.size());
    if (entry.codec == Codec::kPadding) continue;
    ++plan.frames;
    uint64_t dead_plain = 0;
    for (size_t b = 0; b < entry.blobs.size(); ++b) dead_plain += live[first + b] ? 0 : entry.blobs[b].length;
    if (dead_plain == entry.plain_length) {
      plan.dead_bytes += entry.sealed_length;
      continue;
    }
    ++plan.live_frames;
    plan.live_bytes += entry.sealed_length;
    plan.dead_in_live_frames +=
        static_cast<uint64_t>(static_cast<double>(entry.sealed_length) * static_cast<double>(dead_plain) /
                              static_cast<double>(entry.plain_length));
  }
  return plan;
}

}  // namespace

Result<PackUsage> MeasureUsage(const JobContext& context, Index& index, IdSorter& needed, const YoungPacks& young,
                               uint64_t join_below) {
  PackUsage usage;
  LivePlaces live_places(needed.folder(), context.limits.memory_bytes / 8);
  RETURN_IF_ERROR(FindLive(context, index, needed, live_places, usage.missing));
  std::vector<IndexedPack> packs = index.Packs();
  std::ranges::sort(packs, {}, &IndexedPack::number);  // in the order of the rows, and of the places
  for (const IndexedPack& pack : packs) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while planning");
    if (pack.tombstoned) continue;
    ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index.Frames(pack.number));
    ASSIGN_OR_RETURN(std::vector<bool> live, LiveBlobs(pack, frames, live_places));
    PackPlan plan = PlanOf(pack, frames, live);
    plan.is_young = IsYoung(pack, frames, young);
    const bool any_dead = std::ranges::find(live, false) != live.end();
    const bool may_be_joined = pack.kind == BlobKind::kData && pack.size < join_below;
    if ((any_dead || may_be_joined) && plan.live_frames > 0) usage.live.emplace(pack.number, std::move(live));
    usage.packs.push_back(std::move(plan));
  }
  std::ranges::sort(usage.packs, {}, [](const PackPlan& plan) { return plan.pack.name; });
  return usage;
}

namespace {

// Of one blob that is needed. As in KeepPlaces: another location proves nothing, but for the same frame.
void NoteRescue(const std::vector<BlobLocation>& locations, const OwnFrames& own, RescueNeed& rescue) {
  std::set<FrameCheck> checks;
  for (const BlobLocation& location : locations) {
    if (location.pack.tombstoned) continue;
    if (own.packs.contains(location.pack.name) && location.session.session == own.session) return;
    checks.insert(location.frame->check);
  }
  for (const BlobLocation& location : locations) {
    if (!location.pack.tombstoned || !checks.insert(location.frame->check).second) continue;
    rescue.frames[{location.pack.number, location.frame_number}].push_back(location.blob_number);
  }
}

}  // namespace

Result<RescueNeed> FindRescue(const JobContext& context, Index& index, IdSorter& needed, const OwnFrames& own) {
  RescueNeed rescue;
  std::set<uint32_t> tombstoned;
  for (const IndexedPack& pack : index.Packs()) {
    if (pack.tombstoned) tombstoned.insert(pack.number);
  }
  RETURN_IF_ERROR(
      ForEachNeeded(context, index, needed, [&](const BlobId& id, std::span<const BlobPlace> places) -> Result<void> {
        if (places.empty()) return Miss(id, rescue.missing);
        if (std::ranges::none_of(places, [&](const auto& place) { return tombstoned.contains(place.pack); })) return {};
        ASSIGN_OR_RETURN(const std::vector<BlobLocation> locations, index.Find(id));
        NoteRescue(locations, own, rescue);
        return {};
      }));
  return rescue;
}

Result<RescueNeed> FindRescueInPacks(const JobContext& context, Index& index, IdSorter& needed, const OwnFrames& own) {
  IdSorter going(needed.folder(), context.limits.memory_bytes / 8);
  for (const IndexedPack& pack : index.Packs()) {
    if (!pack.tombstoned) continue;
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading the index");
    ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index.Frames(pack.number));
    for (const IndexedFrame& frame : frames) {
      for (const auto& blob : frame.entry->blobs) RETURN_IF_ERROR(going.Add(blob.id));
    }
  }
  RescueNeed rescue;
  if (going.added() == 0) return rescue;
  RETURN_IF_ERROR(going.StartReading());
  RETURN_IF_ERROR(needed.StartReading());
  ASSIGN_OR_RETURN(std::optional<BlobId> need, needed.Next());
  ASSIGN_OR_RETURN(std::optional<BlobId> goes, going.Next());
  while (need && goes) {
    if (context.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted while reading the index");
    if (*need == *goes) {
      ASSIGN_OR_RETURN(const std::vector<BlobLocation> locations, index.Find(*need));
      if (locations.empty() || !locations.back().pack.tombstoned) {  // the last ones are
        return MakeError(ErrorCode::kIo, "this machine's copy of the index has blob {} in a pack, and not by its id",
                         need->ToHex());
      }
      NoteRescue(locations, own, rescue);
    }
    const bool step_need = *need <= *goes;
    if (*goes <= *need) {
      ASSIGN_OR_RETURN(goes, going.Next());
    }
    if (step_need) {
      ASSIGN_OR_RETURN(need, needed.Next());
    }
  }
  return rescue;
}

}  // namespace cairn
