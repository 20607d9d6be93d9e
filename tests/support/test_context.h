// Everything that a job asks of the world, made for a test.
#pragma once

#include <memory>
#include <stop_token>

#include "engine/env/job_context.h"
#include "tests/support/fake_clock.h"
#include "tests/support/recording_log.h"
#include "tests/support/seeded_random.h"

namespace cairn {

struct TestContextOptions {
  uint64_t seed = 1;
  unsigned workers = 0;  // 0: everything runs in the caller's thread, and repeats from run to run
  Limits limits = Limits::ForTests();
};

// Outlives the jobs that are given `job`.
//
//   TestContext context;
//   RunBackup(context.job, ...);
//   context.clock.Advance(std::chrono::hours(1));
struct TestContext {
  explicit TestContext(const TestContextOptions& options = {})
      : random(options.seed),
        executor(options.workers == 0 ? MakeInlineExecutor() : MakeThreadPool(options.workers)),
        job{*executor, clock, random, progress, log, stop.get_token(), options.limits} {}
  TestContext(const TestContext&) = delete;
  TestContext& operator=(const TestContext&) = delete;

  FakeClock clock;
  SeededRandom random;
  Progress progress;
  RecordingLog log;
  std::stop_source stop;
  std::unique_ptr<Executor> executor;
  JobContext job;
};

}  // namespace cairn
