// Very many packs on their way into the derived copy. Private to engine/index.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/env/record_sorter.h"
#include "engine/index/index_table.h"

namespace cairn {

// Rows are gathered beside the table, sorted, made into RocksDB's own files, and put in place in one step: no row is
// written twice, and nothing is left to merge. Until Finish has succeeded the table has none of them; a crash, or
// an end without Finish, leaves nothing but files that the next Open removes. After an error there is only the end. One
// thread at a time; one Bulk of a table. Memory: memory_bytes, and more where there are billions of blobs.
// Disk beside the rows: 48 bytes a blob until Finish ends. Errors are IndexTable's.
class IndexTable::Bulk {
 public:
  static Result<std::unique_ptr<Bulk>> Begin(IndexTable& table, uint64_t memory_bytes);
  ~Bulk();

  // As IndexTable::PutPack. Numbers ascend.
  Result<index_rows::PackRow> PutPack(uint32_t number, const SegmentPack& pack, std::span<const PackSession> sessions,
                                      const PackDigest& digest);
  // Ids ascend.
  Result<void> PutSegment(const SegmentId& id, const index_rows::SegmentRow& row);
  const std::vector<uint32_t>& packs() const { return packs_; }
  uint64_t blob_count() const { return blobs_.added(); }
  bool Holds(uint32_t pack) const;
  bool CanTake(uint32_t pack) const { return packs_.empty() || packs_.back() < pack; }

  // By so many threads. What the table was given before is flushed first, so that a crash leaves no later row
  // without an earlier one. kInterrupted: nothing was put.
  Result<void> Finish(unsigned threads, const std::stop_token& stop);

 private:
  class Files;  // of one family
  class Sink;
  struct Made;  // what Finish gathers of its threads
  Bulk(IndexTable& table, uint64_t memory_bytes);
  // kCorrupt where the folder is gone.
  Result<void> OfTable(Result<void> result) const;
  Result<void> MakeBlobFiles(unsigned threads, const std::stop_token& stop, Made& made);
  // Blobs whose ids begin with bytes of the part-th of `parts` equal ranges.
  Result<std::vector<std::string>> MakePart(uint64_t part, uint64_t parts, RecordSorter::Reader& reader,
                                            const std::stop_token& stop) const;

  IndexTable& table_;
  State& state_;
  const std::string folder_;
  const uint64_t memory_bytes_;
  const std::unique_ptr<Executor> sorting_ = MakeThreadPool(1);
  RecordSorter blobs_;
  std::unique_ptr<Files> pack_files_, frame_files_, segment_files_;
  std::vector<uint32_t> packs_;  // ascending
};

}  // namespace cairn
