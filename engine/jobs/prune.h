// Prune: frees what no snapshot needs, beside running backups, and without a lock. SPEC section 13.4.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/jobs/reachability.h"
#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"
#include "engine/store/object_warmer.h"

namespace cairn {

struct PruneOptions {
  // Dead bytes that may stay in packs that are kept: a share of what is kept, or bytes.
  double max_unused_percent = 5;
  std::optional<uint64_t> max_unused_bytes;
  std::optional<uint64_t> max_repack_bytes;  // the budget: live bytes moved at most
  bool dry_run = false;
  // A session that shows no sign of life for so long, by this machine's clock over all its prunes, is fenced.
  int64_t quiet_session_ns = int64_t{3600} * 1'000'000'000;
  bool merge_segments = true;
  // Of data packs, where the store has such terms. One that is removed before this age is billed as if it stayed, so
  // that to move what is live of it saves nothing before; one that is smaller than this is billed as if it were not.
  uint64_t least_age_seconds = 0, least_pack_bytes = 0;
  // Of a store whose data packs are in an archive. What is there cannot be read before it is removed or moved, so it
  // stays; with `warm_up` the store is asked to bring back what is wholly dead, for a later run.
  ObjectWarmer* warmer = nullptr;
  bool warm_up = false;
};

enum class PackFate : uint8_t { kKeep, kRemove, kRepack, kPartlyDead, kLive };
// What is to be done with one pack, and why.
struct PackPlan {
  IndexedPack pack;
  PackFate fate = PackFate::kKeep;
  uint64_t live_bytes = 0, dead_bytes = 0;  // sealed bytes; a frame counts as live where one of its blobs is
  uint64_t dead_in_live_frames = 0;         // plain bytes that only a rewrite with the content key frees
  uint64_t live_frames = 0, frames = 0;
  bool is_billed_anyway = false;  // below the least age that the store bills
  bool is_archived = false;       // it cannot be read, and so neither moved nor removed
  bool is_young = false;  // of a session that runs, or came meanwhile: nobody knows yet who needs it, and it stays
};

// A pack as a listing of the store shows it.
struct StoredPack {
  BlobKind kind = BlobKind::kData;
  PackName name;
  uint64_t size = 0;
  UnixNs modified = 0;  // by the store's clock; 0 where it has none
};

struct PrunePlan {
  std::vector<PackPlan> packs;        // by name
  std::vector<StoredPack> unindexed;  // in no segment, of no live session: go
  std::vector<StoredPack> unindexed_of_live_sessions;
  std::vector<PackName> missing;  // in the index, not on the store (nothing needed is in them)
  uint64_t bytes_before = 0, bytes_removed = 0, bytes_repacked = 0, bytes_after = 0;
  uint64_t bytes_unused_after = 0;
  // Whole, and below the least size that the store bills: they are joined, which makes `bytes_joined` of bytes that are
  // billed and not there go.
  uint64_t packs_joined = 0, bytes_joined = 0;
  uint64_t packs_archived = 0, bytes_archived = 0;  // wholly dead, and archived: they stay until they can be read
  uint64_t bytes_archived_partly = 0;               // dead, in archived packs with live data: they stay
  uint64_t bytes_billed_anyway = 0;  // dead, in packs with live data that a store bills for a while yet: they stay
  uint64_t bytes_only_with_content_key = 0;  // dead, in frames with live blobs, and this role cannot rewrite them
};

struct PruneReport {
  PrunePlan plan;
  uint64_t packs_removed = 0, bytes_removed = 0;
  uint64_t packs_written = 0, bytes_written = 0;
  uint64_t packs_waiting = 0, bytes_waiting = 0;  // have a tombstone; a session that was there may still need them
  std::vector<std::string> waiting_for;           // "session 3fa2... of host x, begun 2026-..., pid 12"
  uint64_t packs_young = 0, bytes_young = 0;      // hold what no snapshot needs so far, and may yet
  std::vector<std::string> young_of;              // these sessions
  uint64_t packs_asked_for = 0;                   // archived and dead, which the store brings back for a later run
  uint64_t packs_archived =
      0;                       // have a tombstone, or no segment, and cannot be read before they are removed: they stay
  uint64_t packs_damaged = 0;  // have a tombstone, hold what is needed, and do not read: told as findings
  std::vector<std::string> tombstones_unknown;  // by a newer program, or a slot that this run's config does not name
  // Sessions that were taken for dead by a clock, and that nothing proves dead: they cost a name for each pack that is
  // removed. The next backup of their machine ends them.
  std::vector<std::string> sessions_unproved;
  uint64_t blobs_rescued = 0;
  uint64_t segments_merged = 0, segments_written = 0, removed_names_dropped = 0;
  uint64_t sessions_ended = 0, sessions_fenced = 0;
  // Forgotten snapshots: what the first ones need stays until their time is over; the others' was, and they are gone.
  uint64_t deleted_kept = 0, deleted_over = 0;
  bool deleted_without_date = false;  // the store tells none: counted from when this machine first saw them
};

// Pure: from the marks and the index to a plan.
Result<PrunePlan> PlanPrune(const std::vector<PackPlan>& usage, const PruneOptions& options, bool holds_content_key);

// Finishes what earlier runs left, then marks, plans, repacks, tombstones, waits for nobody: what a running session may
// still need is left for a later run, and told. Removes nothing where the set of snapshots or the index has a gap
// (kBusy or kCorrupt says which). Needs the maintainer.
Result<PruneReport> RunPrune(const JobContext& context, Repository& repository, const PruneOptions& options,
                             FindingSink findings);

}  // namespace cairn
