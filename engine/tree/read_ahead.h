// What a reader of a file is likely to ask for next, read before it does.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "engine/env/executor.h"
#include "engine/tree/file_view.h"

namespace cairn {

struct ReadAheadOptions {
  uint64_t window_bytes = 16ULL * 1024 * 1024;  // ahead of the reader, at most; 0: nothing is read ahead
  uint64_t stretch_bytes = 1024 * 1024;         // of one task
};

// Of one open file. Who reads one part behind the other is read ahead of, by tasks of the executor, the further the
// longer that goes on; who reads here and there is not. What was read stays in the cache behind the file's blobs. Safe
// for concurrent use; requests of one reader may come somewhat out of order. The executor ends before the blobs do:
// tasks that were not begun do nothing once this is gone.
class ReadAhead {
 public:
  ReadAhead(std::shared_ptr<const FileView> file, Executor& executor, const ReadAheadOptions& options);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // The reader asks for this range.
  void Asked(uint64_t offset, uint64_t size);

 private:
  struct Stretch {
    uint64_t begin = 0, end = 0;  // [begin, end)
  };
  Stretch Next(uint64_t offset, uint64_t size);

  const std::shared_ptr<const FileView> file_;
  Executor& executor_;
  const ReadAheadOptions options_;
  const std::shared_ptr<std::atomic<bool>> is_ended_ = std::make_shared<std::atomic<bool>>(false);
  std::mutex mutex_;
  uint64_t position_ = 0;  // guarded by mutex_, as what follows: the end of what was asked for
  uint64_t run_ = 0;       // bytes that were asked for one behind the other
  uint64_t ahead_ = 0;     // up to where tasks were given out
};

}  // namespace cairn
