// Blobs of a repository, to try look-ups with.
#pragma once

#include <chrono>
#include <vector>

#include "engine/env/job_context.h"
#include "engine/index/index.h"

namespace cairn {

// Ids of whole frames, in the order in which they were written: that in which the next backup asks for them.
// Immutable; safe for concurrent use. Memory: about 3 MiB.
class KnownBlobs {
 public:
  // From packs that are chosen at random, for as long as there is time, and until there are enough. Only blobs that
  // count for a writer.
  static Result<KnownBlobs> Choose(Index& index, const JobContext& context, std::chrono::nanoseconds duration);

  bool empty() const { return runs_.empty(); }

  enum class Ask { kThere, kAbsent };
  // Looks up some blobs that follow each other, or as many that nobody has; how many. `call` says which.
  Result<uint64_t> LookUp(Index& index, uint64_t call, Ask ask) const;

 private:
  std::vector<std::vector<BlobEntry>> runs_;  // none is empty
};

}  // namespace cairn
