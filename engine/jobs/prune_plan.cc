// The pure part of prune: which packs go, which are repacked. Declared in prune.h.
#include <algorithm>

#include "engine/jobs/prune.h"

namespace cairn {
namespace {

// Bytes that repacking this pack would free.
uint64_t Freed(const PackPlan& plan, bool rewrite) {
  return plan.dead_bytes + (rewrite ? plan.dead_in_live_frames : 0);
}

// Packs that are whole and billed as if they were larger: two or more go into one. What is moved because it is half
// dead takes part.
void JoinSmall(std::vector<PackPlan*> small, const PruneOptions& options, PrunePlan& plan) {
  uint64_t count = 0, billed = 0, bytes = 0;  // of all that would be one pack
  for (const PackPlan& pack : plan.packs) {
    const bool is_moved = pack.fate == PackFate::kRepack && pack.pack.kind == BlobKind::kData;
    if (!is_moved) continue;
    ++count;
    bytes += pack.live_bytes;
    billed += std::max(pack.live_bytes, options.least_pack_bytes);
  }
  std::ranges::sort(small, {}, [](const PackPlan* pack) { return std::pair(pack->live_bytes, pack->pack.name); });
  std::vector<PackPlan*> joined;
  for (PackPlan* pack : small) {
    if (options.max_repack_bytes && plan.bytes_repacked + pack->live_bytes > *options.max_repack_bytes) break;
    plan.bytes_repacked += pack->live_bytes;
    bytes += pack->live_bytes;
    billed += options.least_pack_bytes;
    joined.push_back(pack);
  }
  if (joined.empty() || count + joined.size() < 2) {
    for (const PackPlan* pack : joined) plan.bytes_repacked -= pack->live_bytes;
    return;
  }
  for (PackPlan* pack : joined) pack->fate = PackFate::kRepack;
  plan.packs_joined = joined.size();
  plan.bytes_joined = billed - std::max(bytes, options.least_pack_bytes);
}

}  // namespace

Result<PrunePlan> PlanPrune(const std::vector<PackPlan>& usage, const PruneOptions& options, bool holds_content_key) {
  if (options.max_unused_percent < 0 || options.max_unused_percent > 100) {
    return MakeError(ErrorCode::kInvalidArgument, "--max-unused is {} %, expected 0 to 100",
                     options.max_unused_percent);
  }
  PrunePlan plan;
  plan.packs = usage;
  const auto can_rewrite = [&](const PackPlan& pack) {
    return pack.pack.kind == BlobKind::kMetadata || holds_content_key;  // a maintainer holds the metadata key
  };
  std::vector<PackPlan*> candidates, small;
  uint64_t kept = 0;
  for (PackPlan& pack : plan.packs) {
    plan.bytes_before += pack.pack.size;
    if (pack.is_young) {
      kept += pack.pack.size;
      continue;
    }
    if (pack.is_archived) {
      kept += pack.pack.size;
      if (pack.live_frames > 0) {
        plan.bytes_archived_partly += Freed(pack, can_rewrite(pack));
        pack.fate = Freed(pack, can_rewrite(pack)) == 0 ? PackFate::kLive : PackFate::kPartlyDead;
        continue;
      }
      ++plan.packs_archived;
      plan.bytes_archived += pack.pack.size;
      continue;
    }
    // Also one that is billed for a while yet: to remove it costs the rest of that time, and so does to keep it.
    if (pack.live_frames == 0) {
      pack.fate = PackFate::kRemove;
      plan.bytes_removed += pack.pack.size;
      continue;
    }
    kept += pack.live_bytes;
    const bool rewrite = can_rewrite(pack);
    if (!rewrite) plan.bytes_only_with_content_key += pack.dead_in_live_frames;
    pack.fate = Freed(pack, rewrite) == 0 ? PackFate::kLive : PackFate::kPartlyDead;
    // What is moved out of it is billed twice until its time is over, and nothing is saved before. So it waits.
    if (pack.is_billed_anyway) {
      plan.bytes_billed_anyway += Freed(pack, rewrite);
      continue;
    }
    if (pack.fate == PackFate::kLive) {
      if (pack.pack.kind == BlobKind::kData && pack.pack.size < options.least_pack_bytes) small.push_back(&pack);
      continue;
    }
    plan.bytes_unused_after += Freed(pack, rewrite);
    candidates.push_back(&pack);
  }
  const uint64_t unused_max = options.max_unused_bytes.value_or(
      static_cast<uint64_t>(static_cast<double>(kept) * options.max_unused_percent / 100));
  // Most freed for each byte moved first; names decide between equals, so that two pruners choose the same.
  std::ranges::sort(candidates, [&](const PackPlan* a, const PackPlan* b) {
    const double share_a = static_cast<double>(Freed(*a, can_rewrite(*a))) / static_cast<double>(a->live_bytes);
    const double share_b = static_cast<double>(Freed(*b, can_rewrite(*b))) / static_cast<double>(b->live_bytes);
    return share_a != share_b ? share_a > share_b : a->pack.name < b->pack.name;
  });
  for (PackPlan* pack : candidates) {
    if (plan.bytes_unused_after <= unused_max) break;
    const uint64_t moved = pack->live_bytes;
    if (options.max_repack_bytes && plan.bytes_repacked + moved > *options.max_repack_bytes) continue;
    pack->fate = PackFate::kRepack;
    plan.bytes_repacked += moved;
    plan.bytes_unused_after -= Freed(*pack, can_rewrite(*pack));
    plan.bytes_removed += Freed(*pack, can_rewrite(*pack));
  }
  JoinSmall(std::move(small), options, plan);
  plan.bytes_after = plan.bytes_before - plan.bytes_removed;
  return plan;
}

}  // namespace cairn
