// The rows of the derived copy in a RocksDB of their own. Private to engine/index.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/index/index.h"
#include "engine/index/index_rows.h"

namespace cairn {

// Reads and writes are safe for concurrent use. There is no log of writes: what is not flushed goes with the process,
// and what a crash leaves is the state after some write, with none of the later ones (the column families are flushed
// together). Rows of a pack that has no row of its own mean nothing: they are left until RocksDB merges what is beside
// them, for taking each of them out costs more than all the rest of a prune.
// Errors: kCorrupt where the copy is damaged; kNoSpace and kIo name its folder.
class IndexTable {
 public:
  struct Options {
    std::string folder;
    RepositoryId repository;
    // Of the block cache and the write buffers together; filters have up to 1.75 bytes a blob more, 256 MiB at most.
    uint64_t memory_bytes = 0;
    bool is_temporary = false;  // nobody reads it after this process
  };
  // kCorrupt also where the copy is of another repository or layout: remove the folder, and open again.
  static Result<std::unique_ptr<IndexTable>> Open(const Options& options);
  ~IndexTable();

  using EachPlace = std::function<void(const BlobPlace&)>;
  Result<void> Places(const BlobId& id, const EachPlace& each) const;
  using EachBlobRow = std::function<Result<void>(const index_rows::BlobRow&)>;
  // By id, then by pack number: of ids from `first` on, below `end` (empty: no bound).
  Result<void> ForEachBlobRow(ByteSpan first, ByteSpan end, const EachBlobRow& each) const;
  Result<IndexedFrame> Frame(uint32_t pack, uint32_t frame) const;
  Result<std::vector<IndexedFrame>> Frames(uint32_t pack) const;
  using EachPack = std::function<void(uint32_t number, const index_rows::PackRow&)>;
  Result<void> ForEachPack(const EachPack& each) const;
  uint64_t EstimatePacks() const;
  // `count` frames of a pack from `first` on, or as many as there are, until `each` says false.
  using EachFrameEntry = std::function<bool(uint32_t frame, const FrameEntry&)>;
  Result<void> EachFrame(uint32_t pack, uint32_t first, uint32_t count, const EachFrameEntry& each) const;
  Result<index_rows::SegmentRow> Segment(const SegmentId& id) const;  // kCorrupt where it is not there
  using EachSegment = std::function<void(const SegmentId&, const index_rows::SegmentRow&)>;
  Result<void> ForEachSegment(const EachSegment& each) const;
  Result<uint32_t> NextNumber() const;
  // NextNumber is above this from now on, and never goes back, whichever of several threads comes first: a number that
  // was given twice would make rows of a pack that was dropped those of another.
  Result<void> TakeNumber(uint32_t number);

  // The row of the pack is complete, and written, last. `sessions` are what pack.frames[].session counts in.
  Result<index_rows::PackRow> PutPack(uint32_t number, const SegmentPack& pack, std::span<const PackSession> sessions,
                                      const PackDigest& digest);
  // Takes out the row of the pack; its number is not given again.
  Result<void> DropPack(uint32_t number);
  // By number: those that had no row when the table was opened.
  void SetDropped(std::vector<bool> numbers);
  // Rewrites the table without the rows of packs that were dropped, where they are more than those of `live_blobs`;
  // small tables are left. Stopping leaves them.
  static constexpr uint64_t kDroppedRowsKept = 1'000'000;
  Result<void> LeaveOutDropped(uint64_t live_blobs, const std::stop_token& stop);
  Result<void> PutGeneration(const IndexGeneration& generation);
  Result<std::optional<IndexGeneration>> Generation() const;
  Result<void> PutSegment(const SegmentId& id, const index_rows::SegmentRow& row);
  Result<void> DropSegment(const SegmentId& id);
  Result<void> Flush();  // on return what was written before survives

  class Bulk;  // puts very many packs at once

 private:
  struct State;  // what is RocksDB's
  class Batch;
  class BatchSink;
  explicit IndexTable(std::unique_ptr<State> state);
  Result<void> CheckCopy(const RepositoryId& repository, bool is_new);
  const std::unique_ptr<State> state_;
  std::mutex number_mutex_;   // held while the next number is written
  uint32_t next_number_ = 0;  // guarded by number_mutex_: as written, or less
};

}  // namespace cairn
