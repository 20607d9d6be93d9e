// Blobs of a repository, to try look-ups with.
#pragma once

#include <chrono>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/env/job_context.h"
#include "engine/index/index.h"

namespace cairn {

// Ids of whole frames, in the order in which they were written: that in which the next backup asks for them.
// Immutable; safe for concurrent use. Memory: about 10 MiB.
class KnownBlobs {
 public:
  // From packs that are chosen at random, for as long as there is time, and until there are enough. Only blobs that
  // count for a writer.
  static Result<KnownBlobs> Choose(Index& index, const JobContext& context, std::chrono::nanoseconds duration);

  bool empty() const { return blobs_.empty(); }

  // Looks up some blobs that follow each other; how many. Calls from 0 on ask for each once; 0: there are no more.
  // kInterrupted, here and below, soon after stop was asked for.
  Result<uint64_t> LookUp(Index& index, uint64_t call) const;
  // As many that nobody has, others with each call. Not where there are no blobs.
  Result<uint64_t> LookUpAbsent(Index& index, uint64_t call) const;

 private:
  explicit KnownBlobs(std::stop_token stop) : stop_(std::move(stop)) {}
  size_t RunSize() const;

  std::stop_token stop_;
  std::vector<BlobEntry> blobs_;
};

}  // namespace cairn
