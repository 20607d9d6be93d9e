#include "engine/jobs/pack_usage.h"

#include <algorithm>
#include <utility>

#include "engine/jobs/live_places.h"
#include "engine/jobs/needed_places.h"

namespace cairn {
namespace {

constexpr size_t kMissingMax = 1'000;

Result<void> Miss(const BlobId& id, std::vector<BlobId>& missing) {
  if (missing.size() < kMissingMax) missing.push_back(id);
  return {};
}

// Which places of a needed blob must stay: all that are in different frames. A location that nobody opened proves
// nothing: who can write could have put garbage under this id. Only an identical frame (equal check) is redundant, and
// of those the preferred one stays. SPEC section 9.
Result<std::vector<BlobPlace>> PlacesToKeep(Index& index, std::span<const BlobPlace> places) {
  if (places.size() == 1) return std::vector<BlobPlace>(places.begin(), places.end());
  std::vector<BlobPlace> kept;
  std::set<FrameCheck> checks;
  for (const BlobPlace& place : places) {
    ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index.Frames(place.pack));
    if (checks.insert(frames.at(place.frame).entry->check).second) kept.push_back(place);
  }
  return kept;
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
  RETURN_IF_ERROR(
      ForEachNeeded(context, index, needed, [&](const BlobId& id, std::span<const BlobPlace> places) -> Result<void> {
        if (places.empty()) return Miss(id, usage.missing);
        ASSIGN_OR_RETURN(const std::vector<BlobPlace> kept, PlacesToKeep(index, places));
        for (const BlobPlace& place : kept) RETURN_IF_ERROR(live_places.Add(place));
        return {};
      }));
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

Result<RescueNeed> FindRescue(const JobContext& context, Index& index, IdSorter& needed, const OwnFrames& own) {
  RescueNeed rescue;
  std::set<uint32_t> tombstoned, own_packs;
  for (const IndexedPack& pack : index.Packs()) {
    if (pack.tombstoned) tombstoned.insert(pack.number);
    if (own.packs.contains(pack.name)) own_packs.insert(pack.number);
  }
  RETURN_IF_ERROR(
      ForEachNeeded(context, index, needed, [&](const BlobId& id, std::span<const BlobPlace> places) -> Result<void> {
        if (places.empty()) return Miss(id, rescue.missing);
        const auto goes = [&](const BlobPlace& place) { return tombstoned.contains(place.pack); };
        if (std::ranges::none_of(places, goes)) return {};
        // As in PlacesToKeep: another location proves nothing, but for the same frame.
        std::set<FrameCheck> checks;
        for (const BlobPlace& place : places) {
          if (goes(place)) continue;
          ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index.Frames(place.pack));
          const IndexedFrame& frame = frames.at(place.frame);
          if (own_packs.contains(place.pack) && frame.session.session == own.session) return {};
          checks.insert(frame.entry->check);
        }
        for (const BlobPlace& place : places) {
          if (!goes(place)) continue;
          ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index.Frames(place.pack));
          if (!checks.insert(frames.at(place.frame).entry->check).second) continue;
          rescue.frames[{place.pack, place.frame}].push_back(place.blob);
        }
        return {};
      }));
  return rescue;
}

}  // namespace cairn
