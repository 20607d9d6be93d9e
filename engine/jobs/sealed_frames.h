// Sealed frames, read as they are, several requests at a time.
#pragma once

#include <functional>
#include <vector>

#include "engine/env/job_context.h"
#include "engine/index/index.h"
#include "engine/store/object_store.h"

namespace cairn {

// Reads each of these frames, and gives it to `each` in the caller's thread, in the order of packs and of places in
// them; its Error ends it, as stop being asked for does (kInterrupted). Frames that lie side by side are one request;
// limits.gets of these are under way at once. The check of each frame is verified: kCorrupt, and what else reading it
// comes to, is the Error that `each` is given. Memory: limits.gets times a 64th of the limits, at most 4 MiB each.
Result<void> ReadSealedFrames(
    ObjectStore& store, std::vector<BlobLocation> frames, const JobContext& context,
    const std::function<Result<void>(const BlobLocation& frame, Result<ByteSpan> sealed)>& each);

}  // namespace cairn
