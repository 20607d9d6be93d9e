#include "engine/jobs/pack_usage.h"

#include <algorithm>

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

}  // namespace

Result<PackUsage> MeasureUsage(const JobContext& context, Index& index, IdSorter& needed, const YoungPacks& young,
                               uint64_t join_below) {
  PackUsage usage;
  // First pass over the index: which blobs of which packs are live.
  std::map<uint32_t, std::vector<std::pair<uint32_t, uint32_t>>> live_places;
  RETURN_IF_ERROR(
      ForEachNeeded(context, index, needed, [&](const BlobId& id, std::span<const BlobPlace> places) -> Result<void> {
        if (places.empty()) return Miss(id, usage.missing);
        ASSIGN_OR_RETURN(const std::vector<BlobPlace> kept, PlacesToKeep(index, places));
        for (const BlobPlace& place : kept) live_places[place.pack].emplace_back(place.frame, place.blob);
        return {};
      }));
  for (const IndexedPack& pack : index.Packs()) {
    if (pack.tombstoned) continue;
    PackPlan plan;
    plan.pack = pack;
    ASSIGN_OR_RETURN(const std::vector<IndexedFrame> frames, index.Frames(pack.number));
    std::vector<std::vector<bool>> live(frames.size());
    for (size_t i = 0; i < frames.size(); ++i) live[i].resize(frames[i].entry->blobs.size());
    if (const auto found = live_places.find(pack.number); found != live_places.end()) {
      for (const auto& [frame, blob] : found->second) live.at(frame).at(blob) = true;
      live_places.erase(found);
    }
    plan.is_young = pack.number >= young.number_first || std::ranges::any_of(frames, [&](const IndexedFrame& frame) {
                      return young.sessions.contains(frame.session.session);
                    });
    bool any_dead = false;
    for (size_t i = 0; i < frames.size(); ++i) {
      const FrameEntry& entry = *frames[i].entry;
      if (entry.codec == Codec::kPadding) continue;
      ++plan.frames;
      uint64_t dead_plain = 0;
      for (size_t b = 0; b < live[i].size(); ++b) dead_plain += live[i][b] ? 0 : entry.blobs[b].length;
      if (dead_plain == entry.plain_length) {
        plan.dead_bytes += entry.sealed_length;
        any_dead = true;
        continue;
      }
      ++plan.live_frames;
      plan.live_bytes += entry.sealed_length;
      if (dead_plain == 0) continue;
      any_dead = true;
      plan.dead_in_live_frames +=
          static_cast<uint64_t>(static_cast<double>(entry.sealed_length) * static_cast<double>(dead_plain) /
                                static_cast<double>(entry.plain_length));
    }
    const bool may_be_joined = pack.kind == BlobKind::kData && pack.size < join_below;
    if ((any_dead || may_be_joined) && plan.live_frames > 0) usage.live.emplace(pack.number, std::move(live));
    usage.packs.push_back(std::move(plan));
  }
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
