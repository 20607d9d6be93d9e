// Folders of a source, opened and listed on other threads before a walk comes to them.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "engine/env/clock.h"
#include "engine/env/executor.h"
#include "engine/source/source.h"

namespace cairn {

struct FolderReading {
  std::shared_ptr<SourceFolder> source;
  SourceMetadata metadata;
  Result<std::vector<SourceEntry>> entries;
  std::vector<Finding> findings;  // of a reading ahead, to be told by who takes it
};
// `entry` is a folder in `parent`. An Error: it could not be opened, or its metadata not be read.
Result<FolderReading> ReadFolder(SourceFolder& parent, const SourceEntry& entry);

// What all folders of one walk that are read ahead take together.
struct AheadLoad {
  static constexpr size_t kEntriesMax = 64 * 1024;
  std::atomic<size_t> tasks = 0;    // that the executor was given, and has not come to
  std::atomic<size_t> entries = 0;  // listed, and not taken; no further folder is begun at kEntriesMax
};

// One such folder. One thread owns it; the executor need not outlive it, the source and the clock must. Nothing of it
// runs any more when it is gone: what was not begun is not done, what was is waited for.
class FolderAhead {
 public:
  FolderAhead(Executor& executor, const Clock& clock, std::shared_ptr<AheadLoad> load,
              std::shared_ptr<SourceFolder> parent, const SourceEntry& entry);
  ~FolderAhead();
  FolderAhead(const FolderAhead&) = delete;
  FolderAhead& operator=(const FolderAhead&) = delete;

  // To be asked by the source's FindingSink: true where this thread reads ahead, and the finding comes with the
  // reading. One that nobody takes has found nothing.
  static bool Collects(const Finding& finding);

  // Once. Nothing where no thread has come to it yet, so that this waits for no other work, and where it was read so
  // long ago that what is there may be something else by now: it is to be read by the caller.
  std::optional<Result<FolderReading>> Take();
  static constexpr std::chrono::seconds kAgeMax{2};

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cairn
