// Repair: makes the best of what is there. It adds and records; it deletes nothing that it does not understand.
#pragma once

#include <vector>

#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

struct RepairReport {
  uint64_t segments_written = 0;  // index: for packs that no readable segment names
  uint64_t packs_added = 0;
  uint64_t packs_taken_in = 0;            // index: had been taken out, and are there: moved to new packs
  uint64_t packs_removed_from_index = 0;  // index: named but not there
  uint64_t packs_missing = 0;             // index, packs: named but not there, and left in the index
  uint64_t packs_salvaged = 0;            // packs: damaged ones whose good frames went to new packs
  uint64_t blobs_salvaged = 0, blobs_lost = 0;
  std::vector<SnapshotId> snapshots_rewritten;  // snapshots: without what is lost (named as findings); the old one is
                                                // kept unless `forget_broken`
  std::vector<SnapshotId> repaired_before;      // snapshots: what a rewrite would give is there
  std::vector<SnapshotId> snapshots_left;       // snapshots: need metadata that the index has, and no pack gives
  std::vector<SnapshotId> snapshots_held;       // snapshots: repaired, and not forgotten for what nobody can read
  uint64_t unreadable_left = 0;                 // snapshots: broken snapshots, notes and records that stay
  std::vector<ObjectName> set_aside;            // snapshots: broken snapshots, notes and records, moved to trash/
  std::vector<SnapshotId> losses_recorded;      // heads that are nowhere: put on record as lost
};

struct RepairIndexOptions {
  // Packs that are named and not there are taken out by a `removed` list. Else they are told and stay: a part of the
  // store may be away for a while (a disk that is not mounted, a folder that is still synchronised).
  bool drop_missing = false;
  bool dry_run = false;
};
// The local copy is thrown away; segments are written for packs that none names, from their directories. Segments that
// say what is not so of a pack go to trash/; what they say of packs that cannot be asked, and their lists, is put anew.
// A pack that was taken out, has no tombstone, and is there and whole: its frames move to a new pack, for its own name
// is spent. Where one could not be read for another reason than a loss nothing is decided about it: all else is done,
// and its error is returned.
Result<RepairReport> RepairIndex(const JobContext& context, Repository& repository, const RepairIndexOptions& options,
                                 FindingSink findings);
// Reads the given packs (empty: all) whole; of damaged ones the good frames go to new packs, and the old pack is taken
// out of the index. The object itself is left for a later prune. What is lost is named. A pack that is missing stays in
// the index (RepairIndexOptions::drop_missing). Where one could not be read for another reason than a loss nothing is
// decided about it: the others are repaired, and its error is returned. kNotFound for a name that is not in the index.
Result<RepairReport> RepairPacks(const JobContext& context, Repository& repository, const std::vector<PackName>& packs,
                                 bool dry_run, FindingSink findings);
struct RepairSnapshotsOptions {
  std::vector<SnapshotId> snapshots;  // empty: all
  // Forget a snapshot that lost files once its repaired copy is committed, and move snapshots and notes that cannot be
  // read at all to trash/ (of `snapshots` only, where it names any), and then, where it names none, records of
  // forgotten ones. Those that are protected, or that another needs, stay and are told; so do those of which this run
  // set a note aside, which may have protected them, and all of them where it set a snapshot aside, for nobody knows
  // what it needed, or where packs are in no segment, which may hold what seems lost.
  bool forget_broken = false;
  bool dry_run = false;
};
// Snapshots that need what is nowhere in the index: a new snapshot without the lost files (a file with a lost blob is
// left out, a lost value of an attribute or command line is dropped; each is named), the rest stays, and so does its
// protection. No pack of data is read. What is in the index is not lost: a snapshot of which a folder or list is there,
// and cannot be read, is left as it is, and that is told. Needs writer, reader and maintainer rights (owner). Also puts
// unexplained heads on record as lost. kBusy: what a new snapshot would keep is being removed by a prune.
Result<RepairReport> RepairSnapshots(const JobContext& context, Repository& repository,
                                     const RepairSnapshotsOptions& options, FindingSink findings);

}  // namespace cairn
