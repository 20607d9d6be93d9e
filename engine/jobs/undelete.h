// Undelete: a snapshot that was forgotten, and kept, is a snapshot again. SPEC section 13.5.
#pragma once

#include "engine/repo/repository.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

// Commits its items anew; the id is another, `original` names the old one, and times, class, tags, description and
// expiry go over. What is kept under deleted/ stays until its time is over. Needs to read metadata and to write
// (owner).
//
// kAlreadyExists: it was brought back before. kCorrupt: something that it needs is lost; kBusy: something is in packs
// that are about to be removed. Both are told as findings that name each file which is hit, and nothing is committed.
Result<SnapshotId> RunUndelete(const JobContext& context, Repository& repository, const DeletedSnapshot& deleted,
                               FindingSink findings);

}  // namespace cairn
