// Where the blobs are that snapshots need.
#pragma once

#include <functional>
#include <span>

#include "engine/index/index.h"
#include "engine/jobs/reachability.h"

namespace cairn {

// Calls `each` for every needed blob, ids ascending, with its places in packs that count, in order of preference; none:
// the index has it nowhere. One sorted walk over the whole index beside the marks. Stops at the first error of `each`;
// kInterrupted where stop is asked for.
using EachNeeded = std::function<Result<void>(const BlobId& id, std::span<const BlobPlace> places)>;
Result<void> ForEachNeeded(const JobContext& context, Index& index, IdSorter& needed, const EachNeeded& each);

// The same in as many shares of all ids as the context has threads, several at once: `each` is told which one, and is
// called by several threads, but for one share by one at a time.
using EachNeededOfShare =
    std::function<Result<void>(const IdShare& share, const BlobId& id, std::span<const BlobPlace> places)>;
Result<void> ForEachNeededAtOnce(const JobContext& context, Index& index, IdSorter& needed,
                                 const EachNeededOfShare& each);

}  // namespace cairn
