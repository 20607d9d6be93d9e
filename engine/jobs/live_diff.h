// What differs between a folder of a snapshot and what a source has now.
#pragma once

#include <functional>
#include <memory>

#include "engine/crypto/blob_hasher.h"
#include "engine/env/job_context.h"
#include "engine/repo/blob_ends.h"
#include "engine/source/source.h"
#include "engine/tree/tree_walker.h"

namespace cairn {

struct LiveDiffOptions {
  // Reads every file and compares its bytes by the ids of its blobs, so that nothing is fetched. Without it a file is
  // as it was where size and time of modification are: what a restore that overwrites what has changed goes by.
  bool reads_content = false;
  bool attributes = false;  // looks at extended attributes, ACLs and flags too
};

// As EachDifference; what is not there is null.
using EachLiveDifference =
    std::function<Result<void>(const TreePath& path, Difference what, const Node* before, const SourceEntry* after)>;

// In the order of WalkTree, a folder that one side alone has with all that is in it; paths begin with `place`. What
// cannot be read of the source is told and passed over; an Error of the tree ends it. `hasher` has the key of data
// blobs where content is to be read: a CHECK. Reads in the caller's thread. Memory: the entries of the folders around
// where it is, and one chunk.
Result<void> DiffLive(const JobContext& context, BlobSource& blobs, const BlobHasher& hasher, const BlobId& before,
                      std::shared_ptr<SourceFolder> live, const TreePath& place, const LiveDiffOptions& options,
                      const EachLiveDifference& each, const FindingSink& findings);

}  // namespace cairn
