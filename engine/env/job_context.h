// What every job is given: no globals.
#pragma once

#include <cstdint>
#include <stop_token>

#include "engine/env/clock.h"
#include "engine/env/executor.h"
#include "engine/env/log.h"
#include "engine/env/progress.h"
#include "engine/env/random.h"
#include "repo-format/base/units.h"

namespace cairn {

// Sizes that this process keeps to. Not the limits of the format (repo-format/limits.h).
struct Limits {
  uint64_t memory_bytes = 256 * kMiB;  // the sum of all budgets of a job
  uint64_t pack_bytes = 16 * kMiB;     // a full pack,
  uint64_t pack_blobs_max = 65'536;    // or a pack of so many blobs: what is known of each is held until it is put
  uint64_t frame_bytes_files = kMiB;   // plain bytes at which a frame is closed, by kind of source
  uint64_t frame_bytes_rows = 256 * kKiB;
  uint64_t frame_bytes_pages = 64 * kKiB;
  uint64_t frame_bytes_metadata = 64 * kKiB;
  uint64_t segment_blobs_max = 100'000;  // entries of a segment before the next is begun
  uint64_t segment_interval_s = 300;     // a running backup puts what it has at least this often
  uint64_t window_blobs = 32'768;        // that a restore plans at once
  unsigned merge_fan_in = 16;            // segments of a level that are merged into one of the next
  unsigned readers = 2;                  // threads that read the source
  unsigned puts = 4;                     // puts under way at once
  unsigned gets = 8;                     // gets under way at once, of small objects and from a far store

  // Tiny, so that every rotation runs in a unit test: packs of 4 KiB, frames of 1 KiB, segments of 8 entries.
  static Limits ForTests();
};

// Borrowed by every job for its run; all members outlive it.
struct JobContext {
  Executor& executor;
  const Clock& clock;
  const Random& random;
  Progress& progress;
  Log& log;
  std::stop_token stop;
  Limits limits;
};

}  // namespace cairn
