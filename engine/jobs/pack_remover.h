// Packs with tombstones that nobody needs: gone for good.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/env/job_context.h"
#include "engine/index/index.h"
#include "engine/repo/protocol.h"
#include "engine/repo/repository.h"

namespace cairn {

// SPEC section 13.4, step 5. One caller; the context's threads take part. Borrows all that it is given. Memory: some
// 200 bytes a pack.
class PackRemover {
 public:
  PackRemover(const JobContext& context, Repository& repository, Index& index, FindingSink findings);

  // Whose entry in the index is what the pack says itself, or that are in no segment, or not there. The others stay,
  // and are told or in archived(). In `sizes` what frees nothing becomes 0, and what was not known is found out.
  Result<std::vector<TombstoneSeen>> ThoseThatMayGo(const std::vector<TombstoneSeen>& candidates,
                                                    std::map<PackName, uint64_t>& sizes);
  const std::vector<PackName>& archived() const { return archived_; }

  // The segment that takes them out of the index, then the packs, each with its tombstone behind it. What the store
  // does not let go (a lock, a legal hold) stays, with its tombstone, and the others need not wait for it.
  Result<void> Remove(Protocol& protocol, const std::vector<TombstoneSeen>& packs);
  // So far; also after an error.
  const std::vector<PackName>& removed() const { return removed_; }
  // What the store said of the first that it did not let go.
  const std::optional<Error>& refused() const { return refused_; }

 private:
  Result<void> CompareWithEntry(const TombstoneSeen& tombstone);
  Result<bool> MayGo(const TombstoneSeen& tombstone, const Result<void>& compared, std::map<PackName, uint64_t>& sizes);

  const JobContext& context_;
  Repository& repository_;
  Index& index_;
  const FindingSink findings_;
  std::vector<PackName> archived_;
  std::mutex mutex_;  // guards what follows while threads are at work
  std::vector<PackName> removed_;
  std::optional<Error> refused_;
};

}  // namespace cairn
