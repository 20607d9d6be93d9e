// Benchmark: what this machine, its store and the stages of a backup can do with a dump.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "engine/codec/frame_codec.h"
#include "engine/jobs/benchmark_report.h"
#include "engine/repo/repository.h"
#include "engine/source/source.h"
#include "engine/store/limit_store.h"

namespace cairn {

struct BenchmarkOptions {
  std::chrono::nanoseconds duration = std::chrono::seconds(1);  // of each measurement; there are about 25
  Compression compression;
  Bytes host;  // as of a backup
  // The dump, anew for each time that it is read. Empty: there is none, and synthetic bytes stand for it.
  std::function<Result<std::unique_ptr<Source>>()> make_source;
  // A folder where objects may be put that belong to nobody: never the repository's own store, for SPEC 4 has no name
  // for them. It is made after the dump was read and dropped before that is read again, which may be of the folder
  // around it; each once, and dropped where it was made. An Error of make_scratch: nowhere, and why.
  std::function<Result<ObjectStore*>()> make_scratch;
  std::function<void()> drop_scratch;
  BandwidthLimits bandwidth;  // what the user allows a backup; it lowers the rates of the store

  // Objects that are put at once, as a backup into a folder does, and their size: what the scratch store must have room
  // for (twice, while one replaces another).
  static uint64_t ObjectBytes(const Limits& limits);
  static unsigned Objects(const Limits& limits, unsigned threads);
};

// Puts nothing into the repository: the dump is read as a dry run reads it. Threads: the caller's waits,
// context.executor's work, and a few of its own put and get. Memory: within context.limits.memory_bytes. kNoRight where
// the key could not back up; kInterrupted soon after stop was asked for. What cannot be measured is skipped, and the
// report says why; other Errors are those of the dump, or of the repository.
Result<BenchmarkReport> RunBenchmark(const JobContext& context, Repository& repository, const BenchmarkOptions& options,
                                     const FindingSink& findings);

}  // namespace cairn
