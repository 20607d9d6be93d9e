// The pure part of prune: which packs go, which are repacked. Declared in prune.h.
#include <algorithm>

#include "engine/jobs/prune.h"

namespace cairn {
namespace {

// Bytes that repacking this pack would free.
uint64_t Freed(const PackPlan& plan, bool rewrite) {
  return plan.dead_bytes + (rewrite ? plan.dead_in_live_frames : 0);
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
  std::vector<PackPlan*> candidates;
  uint64_t kept = 0;
  for (PackPlan& pack : plan.packs) {
    plan.bytes_before += pack.pack.size;
    if (pack.is_young) {
      kept += pack.pack.size;
      continue;
    }
    if (pack.live_frames == 0) {
      pack.fate = PackFate::kRemove;
      plan.bytes_removed += pack.pack.size;
      continue;
    }
    kept += pack.live_bytes;
    const bool rewrite = can_rewrite(pack);
    if (!rewrite) plan.bytes_only_with_content_key += pack.dead_in_live_frames;
    if (Freed(pack, rewrite) == 0) {
      pack.fate = PackFate::kLive;
      continue;
    }
    pack.fate = PackFate::kPartlyDead;
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
  plan.bytes_after = plan.bytes_before - plan.bytes_removed;
  return plan;
}

}  // namespace cairn
