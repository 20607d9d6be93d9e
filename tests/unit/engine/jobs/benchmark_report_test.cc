#include "engine/jobs/benchmark_report.h"

#include <gtest/gtest.h>

#include "engine/jobs/benchmark.h"
#include "engine/repo/write_session.h"

namespace cairn {
namespace {

// Two cores; every stage does 700 a second on both, so that a first backup does 100 and a re-read 233.
BenchmarkReport Even() {
  BenchmarkReport report;
  report.cores = 2;
  report.files_read = 10;
  report.sample_bytes = 1000;
  report.sample_chunks = 100;
  for (size_t i = 0; i < kMeasureCount; ++i) report.rates[i] = {.one_core = 350, .all_cores = 700, .skipped = ""};
  report[Measure::kHit].all_cores = report[Measure::kMiss].all_cores = 70;  // of chunks of 10 bytes
  report[Measure::kRead] = {.one_core = 10'000, .all_cores = 0, .skipped = ""};
  return report;
}

// As many as a backup puts at once into a folder, which is where a benchmark puts.
TEST(BenchmarkOptions, PutsAsABackupDoes) {
  EXPECT_EQ(BenchmarkOptions::Objects(Limits(), 16), PutsAtOnce(/*is_far=*/false, Limits(), 16));
  Limits little;
  little.memory_bytes = 16 * kMiB;
  EXPECT_EQ(BenchmarkOptions::ObjectBytes(little), 2 * kMiB);
  EXPECT_EQ(BenchmarkOptions::Objects(little, 16), 2u);
}

TEST(BenchmarkReport, TimesOfStagesAddUp) {
  EXPECT_NEAR(Even().FirstBackup().cores, 100, 0.001);
  EXPECT_NEAR(Even().Reread().cores, 700.0 / 3, 0.001);
}

TEST(BenchmarkReport, HeaviestStageIsNamedWithItsShare) {
  BenchmarkReport report = Even();
  report[Measure::kCompress].all_cores = 100;
  const Bounds bounds = report.FirstBackup();
  EXPECT_EQ(bounds.Smallest().by, Measure::kCompress);
  EXPECT_TRUE(bounds.Smallest().by_cores);
  EXPECT_NEAR(bounds.heaviest_share, 7.0 / 13, 0.001);
}

TEST(BenchmarkReport, SlowDumpHoldsBack) {
  BenchmarkReport report = Even();
  report[Measure::kRead].all_cores = 50;
  EXPECT_EQ(report.FirstBackup().Smallest().by, Measure::kRead);
  EXPECT_EQ(report.Reread().Smallest().bytes_per_second, 50);
}

TEST(BenchmarkReport, StoreTakesWhatIsLeftAfterCompression) {
  BenchmarkReport report = Even();
  report[Measure::kPut].all_cores = 20;
  report.stored_share = 0.25;
  EXPECT_EQ(report.FirstBackup().store, 80);
  EXPECT_EQ(report.FirstBackup().Smallest().by, Measure::kPut);
  EXPECT_EQ(report.Reread().store, 0);  // nothing is put
}

TEST(BenchmarkReport, DumpThatSeveralCoresReadIsNotHeldBackByOneThread) {
  BenchmarkReport report = Even();
  report.is_whole = true;
  report[Measure::kRead].one_core = 50;
  EXPECT_EQ(report.FirstBackup().read, 0);
  EXPECT_EQ(report.FirstBackup().cut, 0);
}

TEST(BenchmarkReport, FewFilesAreReadByAsManyThreads) {
  BenchmarkReport report = Even();
  report.cores = 4;
  report.is_whole = true;
  report.files_read = 2;
  report[Measure::kRead].one_core = 40;
  EXPECT_EQ(report.Reread().Smallest().by, Measure::kRead);
  EXPECT_EQ(report.Reread().Smallest().bytes_per_second, 80);
}

TEST(BenchmarkReport, OneFileOfADumpThatWasNotSeenToItsEndBoundsNothing) {
  BenchmarkReport report = Even();
  report.files_read = 1;
  report[Measure::kRead].one_core = report[Measure::kChunk].one_core = 60;
  EXPECT_EQ(report.FirstBackup().read, 0);
  EXPECT_EQ(report.FirstBackup().cut, 0);
  EXPECT_TRUE(report.FirstBackup().Smallest().by_cores);
}

TEST(BenchmarkReport, OneFileIsCutByOneCore) {
  BenchmarkReport report = Even();
  report.is_whole = true;
  report.files_read = 1;
  report[Measure::kChunk].one_core = 60;
  EXPECT_EQ(report.FirstBackup().Smallest().by, Measure::kChunk);
  EXPECT_EQ(report.FirstBackup().Smallest().bytes_per_second, 60);
  EXPECT_FALSE(report.FirstBackup().Smallest().by_cores);
}

TEST(BenchmarkReport, WhatWasSkippedIsNoBound) {
  BenchmarkReport report = Even();
  for (const Measure skipped : {Measure::kRead, Measure::kPut, Measure::kHit, Measure::kMiss, Measure::kCompress}) {
    report[skipped] = {.one_core = 0, .all_cores = 0, .skipped = "for a reason"};
  }
  EXPECT_NEAR(report.FirstBackup().Smallest().bytes_per_second, 140, 0.001);
  EXPECT_NEAR(report.Reread().Smallest().bytes_per_second, 350, 0.001);
}

}  // namespace
}  // namespace cairn
