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
    bool was_there = false;  // copied before (its `original` says so)
  };
  std::vector<One> snapshots;
  uint64_t blobs_copied = 0, bytes_copied = 0, frames_verbatim = 0;
};
// Within a family whole frames travel as they are (any role that can list here); else blobs are opened, hashed and
// sealed anew (reader here, writer there), trees and lists rebuilt with the target's ids. Resumable: what is there is
// not sent again.
Result<CopyReport> RunCopy(const JobContext& context, Repository& source, Repository& target,
                           const CopyOptions& options, FindingSink findings);

}  // namespace cairn
