// Which blobs the snapshots need: sorted on disk, in bounded memory.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/repo/blob_reader.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

// A set of blob ids that grows, then is read in ascending order, as often as StartReading is called. Spills sorted runs
// to files below `folder` when `memory_bytes` are full, and merges them. One thread at a time. Files go with it.
class IdSorter {
 public:
  IdSorter(std::string folder, uint64_t memory_bytes);
  ~IdSorter();
  Result<void> Add(const BlobId& id);
  // Ascending, each id once. After the last: nothing.
  Result<void> StartReading();
  Result<std::optional<BlobId>> Next();
  uint64_t added() const { return added_; }

 private:
  struct Run;
  Result<void> Spill();
  std::string folder_;
  size_t ids_max_;
  std::vector<BlobId> ids_;
  std::vector<std::unique_ptr<Run>> runs_;
  uint64_t added_ = 0;
  size_t next_ = 0;
  std::optional<BlobId> last_;
};

// Marks: every blob that these snapshots need goes into `ids`: directories, lists, data, attributes, command lines.
// Metadata blobs that several snapshots share are walked once. A metadata blob that cannot be read goes to `failed`
// (which says whether to go on) with the snapshot and path.
using MarkFailed =
    std::function<Result<void>(const LoadedSnapshot& snapshot, const std::string& path, const Error& error)>;
Result<void> MarkReachable(const JobContext& context, BlobReader& blobs,
                           const std::vector<const LoadedSnapshot*>& snapshots, IdSorter& ids,
                           const MarkFailed& failed);

}  // namespace cairn
