// Repair: makes the best of what is there. It adds and records; it deletes nothing that it does not understand.
#pragma once

#include <vector>

#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

struct RepairReport {
  uint64_t segments_written = 0;  // index: for packs that no readable segment names
  uint64_t packs_added = 0;
  uint64_t packs_removed_from_index = 0;  // index: named but not there
  uint64_t packs_salvaged = 0;            // packs: damaged ones whose good frames went to new packs
  uint64_t blobs_salvaged = 0, blobs_lost = 0;
  std::vector<SnapshotId> snapshots_rewritten;  // snapshots: without what is lost (named as findings); the old one is
                                                // kept unless `forget_broken`
  std::vector<ObjectName> set_aside;            // snapshots: broken snapshots and notes, moved to trash/
  std::vector<SnapshotId> losses_recorded;      // heads that are nowhere: put on record as lost
};

// The local copy is thrown away; segments are written for packs that none names, from their directories; packs that are
// named and not there are taken out by a `removed` list.
Result<RepairReport> RepairIndex(const JobContext& context, Repository& repository, bool dry_run, FindingSink findings);
// Reads the given packs (empty: all) whole; of damaged ones the good frames go to new packs, and the old pack is taken
// out of the index. The object itself is left for a later prune. What is lost is named.
Result<RepairReport> RepairPacks(const JobContext& context, Repository& repository, const std::vector<PackName>& packs,
                                 bool dry_run, FindingSink findings);
struct RepairSnapshotsOptions {
  std::vector<SnapshotId> snapshots;  // empty: all
  // Forget a snapshot that lost files once its repaired copy is committed, and move snapshots and notes that cannot be
  // read at all to trash/.
  bool forget_broken = false;
  bool dry_run = false;
};
// Snapshots that need what is nowhere: a new snapshot without the lost files (a file with a lost blob is left out, and
// named), the rest stays. Needs writer, reader and maintainer rights (owner). Also puts unexplained heads on record as
// lost.
Result<RepairReport> RepairSnapshots(const JobContext& context, Repository& repository,
                                     const RepairSnapshotsOptions& options, FindingSink findings);

}  // namespace cairn
