// Which blobs the snapshots need: sorted on disk, in bounded memory.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/env/record_sorter.h"
#include "engine/repo/blob_reader.h"
#include "engine/repo/snapshot_store.h"

namespace cairn {

// A set of blob ids that grows, then is read in ascending order, as often as StartReading is called. What does not fit
// in `memory_bytes` is in a file in `folder`. One thread at a time, but for Read.
class IdSorter {
 public:
  IdSorter(const std::string& folder, uint64_t memory_bytes);
  Result<void> Add(const BlobId& id) { return sorter_.Add(id.bytes()); }
  // Ascending, each id once. After the last: nothing. Nothing may be added any more.
  Result<void> StartReading();
  Result<std::optional<BlobId>> Next();
  // Nothing may be added any more.
  Result<void> EndAdding() { return sorter_.EndAdding(); }
  // After EndAdding: a reader of some of the ids, with its part of the memory. Safe for concurrent use, not beside
  // Next.
  Result<std::unique_ptr<RecordSorter::Reader>> Read(const IdShare& share) const {
    return sorter_.Read(share.First(), share.End(), reader_bytes_ / share.parts);
  }
  uint64_t added() const { return sorter_.added(); }
  const std::string& folder() const { return folder_; }
  const Result<void>& failure() const { return sorter_.failure(); }  // of an Add

 private:
  const std::string folder_;
  const uint64_t reader_bytes_;
  RecordSorter sorter_;
  std::unique_ptr<RecordSorter::Reader> reader_;
};

// Marks: every blob that these snapshots need goes into `ids`: directories, lists, data, attributes, command lines.
// Metadata blobs that several snapshots share are walked once. A metadata blob that cannot be read goes to `failed`
// (which says whether to go on) with the snapshot and path. The threads of the context take part; `failed` is called by
// any of them, by one at a time. Memory: 40 bytes a metadata blob, and some 150 for each folder that waits, which are
// those beside the way from the root to where it is.
using MarkFailed =
    std::function<Result<void>(const LoadedSnapshot& snapshot, const std::string& path, const Error& error)>;
Result<void> MarkReachable(const JobContext& context, BlobReader& blobs,
                           const std::vector<const LoadedSnapshot*>& snapshots, IdSorter& ids,
                           const MarkFailed& failed);

}  // namespace cairn
