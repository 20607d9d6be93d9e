// Walks the content of a file. SPEC section 10.1.
#pragma once

#include <functional>

#include "engine/repo/blob_ends.h"
#include "repo-format/node.h"

namespace cairn {

// Calls `each` with every leaf entry that holds bytes of [begin, end), in order, with the offset of its first byte in
// the file. Depth, sums and order are verified against what the parents said: kCorrupt names the list. Reads O(depth)
// blobs to seek. Memory: one list blob a level.
using EachEntry = std::function<Result<void>(uint64_t offset, const ListEntry& entry)>;
Result<void> ForEachEntry(BlobSource& blobs, const Content& content, uint64_t begin, uint64_t end,
                          const EachEntry& each);

// Calls `each` with the id of every list blob of a content (for marking and checking), parents first; where it returns
// false, the blob is not read and what is below is left out. A blob may come more than once: a file that repeats itself
// repeats its lists. An Error of reading one goes to `failed`, which may swallow it (the walk goes on beside it) or
// return it; without `failed` it is returned.
using EachListBlob = std::function<Result<bool>(const BlobId& id)>;
using ListBlobFailed = std::function<Result<void>(const BlobId& id, const Error& error)>;
Result<void> ForEachListBlob(BlobSource& blobs, const Content& content, const EachListBlob& each,
                             const ListBlobFailed& failed = {});

}  // namespace cairn
