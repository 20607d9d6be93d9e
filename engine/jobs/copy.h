// Copy: snapshots from one repository into another.
#pragma once

#include <vector>

#include "engine/codec/frame_codec.h"
#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

struct CopyOptions {
  std::vector<SnapshotId> snapshots;
  Compression compression;
  bool dry_run = false;
};
struct CopyReport {
  struct One {
    SnapshotId source, target;
    bool was_there = false;  // copied before
    uint64_t blobs_absent =
        0;  // of one that was there: needed, and not in the target's index; now sent, but in a dry run
    bool is_incomplete = false;  // and not all of them could be sent, or nobody can tell; a finding says why
  };
  std::vector<One> snapshots;
  uint64_t blobs_copied = 0, bytes_copied = 0, frames_verbatim = 0;
  uint64_t files_unchanged = 0;  // between families: not read again
};
// Within a family whole frames travel as they are (any role that can list here); else blobs are opened, hashed and
// sealed anew (reader here, writer there), trees and lists rebuilt with the target's ids. Resumable: what is there is
// not sent again, and between families a file that has not changed since a snapshot of the same host and paths that was
// copied before is not read again. Protection and expiry go over, where the target's key may put notes.
//
// A snapshot was there where the target holds one with its `original` that is the same in all that a copy takes over:
// its root directories, by their ids, in one family; in another, where ids differ, times, host, program, totals and all
// else that is said of it and of its items, and, where another snapshot of the source is the same in all of these, what
// the trees say. `original` alone does not do: what a rewrite or a repair left has that of its whole. Tags and
// description do not count, for notes change them on either side.
//
// What a snapshot that was there needs is looked up in the target's index, and what is absent is sent: it was given up
// there after a loss. In one family by the source's trees, in another by the target's, which a writer there cannot
// open: a warning says so.
//
// A writer there opens no inner part. For its sake the target's local cache remembers which snapshots this machine has
// copied as which; where it does not know, they are copied again, which a warning says.
Result<CopyReport> RunCopy(const JobContext& context, Repository& source, Repository& target,
                           const CopyOptions& options, FindingSink findings);

// Is `there` what a copy of `snapshot` would be, as far as can be told without reading trees? `same_ids`: the
// repositories are of one family.
bool LooksCopied(const LoadedSnapshot& snapshot, const LoadedSnapshot& there, bool same_ids);

}  // namespace cairn
