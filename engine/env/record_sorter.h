// Records of one size, sorted on disk in bounded memory: sorted runs, then a merge (Knuth, TAOCP 3, 5.4).
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/env/executor.h"
#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn {

// A set of records in the order of their bytes. First it grows (Add, by one thread), then it is read, as often as one
// likes and by several readers at once. What does not fit in memory goes into one file in `folder` that has no name: it
// goes with this, also when the process dies. Errors: kNoSpace, kIo, with the folder; after one of Add all that follows
// fails with it.
class RecordSorter {
 public:
  struct Options {
    std::string folder;
    size_t record_bytes = 0;  // of each; at least 8
    uint64_t memory_bytes = 0;
    Executor* thread = nullptr;  // whose one thread sorts and writes what is full beside the one that adds; borrowed
  };
  explicit RecordSorter(const Options& options);
  ~RecordSorter();

  Result<void> Add(ByteSpan record);
  uint64_t added() const { return added_; }
  const Result<void>& failure() const { return failure_; }
  // Before the first Read: nothing may be added any more. Gives memory back.
  Result<void> EndAdding();

  // Ascending, each record once. One thread at a time. Ends before the sorter does.
  class Reader;
  // Records that are `first` or above and below `end`; an empty span is no bound, a shorter one than a record is
  // continued with zeros. `memory_bytes` are the reader's, or reader_bytes_min where that is more. Safe for concurrent
  // use.
  Result<std::unique_ptr<Reader>> Read(ByteSpan first, ByteSpan end, uint64_t memory_bytes) const;
  uint64_t reader_bytes_min() const;

 private:
  struct Run {  // in the file
    uint64_t offset = 0;
    uint64_t records = 0;
  };
  // Where a record is, with its first eight bytes: what most comparisons need.
  struct Place {
    uint64_t head = 0;
    uint32_t index = 0;
  };
  // Records in memory.
  struct Batch {
    size_t record_bytes = 0;
    Bytes records;
    std::vector<Place> order;
    bool is_sorted = true;  // `order` is, without repetitions

    const uint8_t* At(const Place& place) const { return records.data() + place.index * record_bytes; }
    bool Less(const Place& a, const Place& b) const;
    void Add(ByteSpan record);
    void Sort();
    void Compact();  // records move to where no repetition is between them
    void Clear();
  };
  Result<void> Fail(Result<void> result);
  Error Told(std::string_view what) const;  // of errno
  Result<void> MakeRoom();
  Result<void> OpenFile();
  Result<void> WriteRun(Batch& batch);
  Result<void> WriteFile(ByteSpan bytes);
  Result<void> ReadFile(uint64_t offset, MutableByteSpan target) const;
  Result<void> AwaitRun();
  // How many records of the run, or of those in memory, are below `bound`.
  Result<uint64_t> CountBelow(const Run& run, ByteSpan bound) const;
  size_t CountBelowInMemory(ByteSpan bound) const;

  const Options options_;
  const size_t records_max_;  // of a batch
  Batch batch_;               // that grows
  int file_ = -1;
  uint64_t file_bytes_ = 0;
  std::vector<Run> runs_;
  uint64_t added_ = 0;
  bool ended_adding_ = false;
  Result<void> failure_;  // the first
  // With options_.thread: `written_` is its, with the file and runs_, until AwaitRun.
  Batch written_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool is_writing_ = false;    // guarded by mutex_
  Result<void> write_result_;  // guarded by mutex_
};

class RecordSorter::Reader {
 public:
  ~Reader();
  // The next record, which stays until the next call; empty after the last. Not after an error.
  Result<ByteSpan> Next();

 private:
  friend class RecordSorter;
  struct Source;  // a run, or the records in memory
  explicit Reader(const RecordSorter& sorter);
  bool Before(const Source* a, const Source* b) const;
  void SiftDown();
  Result<void> AddSource(std::unique_ptr<Source> source);

  const RecordSorter& sorter_;
  size_t buffer_bytes_ = 0;  // of each run
  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Source*> heap_;  // of those that have a record, the smallest first
  Bytes last_;                 // what Next gave
};

}  // namespace cairn
