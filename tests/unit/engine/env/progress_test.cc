#include "engine/env/progress.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "engine/env/job_context.h"
#include "engine/env/log.h"

namespace cairn {
namespace {

TEST(Progress, IsAddedToAndReadByManyThreads) {
  Progress progress;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1'000; ++n) {
        progress.bytes_done += 3;
        progress.SetCurrent("a file with a long name, so that it is no short string");
        EXPECT_NE(progress.current().size(), 1U);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(progress.bytes_done, 12'000U);
  progress.SetPhase("putting packs");
  EXPECT_EQ(progress.phase(), "putting packs");
}

TEST(Log, FormatsItsLines) {
  class OneLine final : public Log {
   public:
    void Write(LogLevel, std::string_view line) override { line_ = line; }
    std::string line_;
  } log;
  log.Warning("{} of {}", 1, "two");
  EXPECT_EQ(log.line_, "1 of two");
  NullLog().Info("thrown {}", "away");
}

TEST(Limits, ForTestsAreSmall) {
  const Limits limits = Limits::ForTests();
  EXPECT_EQ(limits.pack_bytes, 4 * kKiB);
  EXPECT_EQ(limits.frame_bytes_files, kKiB);
  EXPECT_EQ(limits.segment_blobs_max, 8U);
}

}  // namespace
}  // namespace cairn
