#include "engine/repo/write_session.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "engine/pack/pack_reader.h"
#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/no_threads.h"

namespace cairn {
namespace {

using testing::HasSubstr;

// A full pack is larger than its size by name: four of them are not held for more than the limit allows.
TEST(WriteSession, PutsAsManyPacksAtOnceAsTheLimitSays) {
  MemoryStore memory;
  FaultStore store(memory);
  store.set_far(true);
  InitForTests(store);
  Machine machine(store, 1, 2);
  // The fake clock would put signs of life without end.
  const JobContext& of_test = machine.context.job;
  JobContext job{of_test.executor, SystemClock(), of_test.random, of_test.progress,
                 of_test.log,      of_test.stop,  of_test.limits};
  job.limits.puts = 4;
  job.limits.pack_bytes = 64 * kKiB;
  std::mutex mutex;
  std::condition_variable changed;
  int under_way = 0, most = 0;
  bool is_given_up = false;
  store.SetHook([&](const StoreCall& call) {
    if (call.operation != StoreOperation::kPut || !call.name.starts_with("data/")) return;
    std::unique_lock lock(mutex);
    most = std::max(most, ++under_way);
    changed.notify_all();
    const bool has_come = changed.wait_for(lock, std::chrono::seconds(10), [&] { return most >= 4 || is_given_up; });
    is_given_up = is_given_up || !has_come;
    --under_way;
  });
  MemoryFiles files;
  for (int i = 0; i < 40; ++i) files["file " + std::to_string(i)] = RandomText(static_cast<uint32_t>(i), 32 * kKiB);
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<MemorySource>(files));
  BackupOptions options;
  options.host = ToBytes(AsBytes("machine"));
  ASSERT_OK(RunBackup(job, *machine.repository, std::move(sources), options, {}));
  EXPECT_EQ(most, 4);
}

// As when a prune repacks: a frame that is moved as it is, and one that is packed anew.
TEST(WriteSession, ABlobWhoseClaimWentWithAnotherPackIsInAFrameOnce) {
  MemoryStore store;
  InitForTests(store);
  Machine machine(store, 1);
  const std::string text = RandomText(1, 100);
  ASSERT_OK(machine.Backup({{"a", text}}));
  const JobContext& job = machine.context.job;
  ASSERT_OK_AND_ASSIGN(const auto index, machine.repository->LoadIndex(job));
  const BlobId id = machine.repository->hasher().Compute(BlobKind::kData, AsBytes(text));
  ASSERT_OK_AND_ASSIGN(const auto places, index->Find(id));
  ASSERT_EQ(places.size(), 1u);
  const BlobLocation& place = places.front();
  ASSERT_OK_AND_ASSIGN(const Bytes sealed,
                       ReadFrame(store, BlobKind::kData, place.pack.name, place.frame_offset, *place.frame));
  ASSERT_OK_AND_ASSIGN(const auto session,
                       WriteSession::Begin(*machine.repository, *index, job,
                                           {.purpose = SessionPurpose::kMaintenance, .compression = {}}));
  const auto writer = session->NewBlobWriter(64 * kKiB);
  ASSERT_OK(writer->AddAnew(BlobKind::kData, AsBytes(text)));
  ASSERT_OK(session->AddSealedFrame(BlobKind::kData, place.session, *place.frame, sealed));
  ASSERT_OK(session->Flush());
  ASSERT_OK(writer->AddAnew(BlobKind::kData, AsBytes(text)));
  ASSERT_OK(writer->Finish());
  ASSERT_OK(session->End());
  ASSERT_OK_AND_ASSIGN(const auto after, index->Find(id));
  EXPECT_EQ(after.size(), 3u);
}

// It ended the process.
TEST(WriteSession, OneThatCannotGiveSignsOfLifeDoesNotBegin) {
  MemoryStore store;
  InitForTests(store);
  Machine machine(store, 1);
  const JobContext& of_test = machine.context.job;
  JobContext job{of_test.executor, of_test.clock, of_test.random, of_test.progress,
                 of_test.log,      of_test.stop,  of_test.limits};
  job.limits.puts = 4;
  const auto index = machine.repository->LoadIndex(job);
  ASSERT_OK(index);
  const auto before = store.Contents();
  {
    const NoThreads none;
    EXPECT_THAT(WriteSession::Begin(*machine.repository, **index, job, {}),
                ErrorIs(ErrorCode::kIo, HasSubstr("no more threads")));
  }
  EXPECT_EQ(store.Contents(), before);
  EXPECT_TRUE(machine.repository->cache().DeadSessions().empty());
}

constexpr size_t kPackBytes = 64 * kKiB, kFileBytes = 2 * kKiB;

// How much is read while a store takes nothing.
uint64_t ReadAheadOfStore(unsigned threads) {
  MemoryStore memory;
  FaultStore store(memory);
  InitForTests(store);
  Machine machine(store, 1, threads);
  const JobContext& of_test = machine.context.job;
  JobContext job{of_test.executor, SystemClock(), of_test.random, of_test.progress,
                 of_test.log,      of_test.stop,  of_test.limits};
  job.limits.memory_bytes = 256 * kMiB;
  job.limits.puts = 4;
  job.limits.pack_bytes = kPackBytes;
  std::mutex mutex;
  std::condition_variable changed;
  bool is_open = false;
  store.SetHook([&](const StoreCall& call) {
    if (call.operation != StoreOperation::kPut || !call.name.starts_with("data/")) return;
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::minutes(2), [&] { return is_open; });
  });
  MemoryFiles files;
  for (uint32_t i = 0; i < 2'000; ++i) files["file " + std::to_string(i)] = RandomText(i, kFileBytes);
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<MemorySource>(files));
  BackupOptions options;
  options.host = ToBytes(AsBytes("machine"));
  uint64_t read = 0;
  std::thread watcher([&] {
    for (int same = 0; same < 20;) {  // for so long nothing more was read
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      const uint64_t now = job.progress.bytes_done;
      same = now == read && now > 0 ? same + 1 : 0;
      read = now;
    }
    const std::lock_guard lock(mutex);
    is_open = true;
    changed.notify_all();
  });
  const auto report = RunBackup(job, *machine.repository, std::move(sources), options, {});
  watcher.join();
  EXPECT_OK(report);
  if (report) {
    EXPECT_EQ(machine.Read(*report->id), files);
  }
  return read;
}

// What is read for a store is held: no more of it for more threads, but for a frame of each.
TEST(WriteSession, ManyThreadsHoldNoMoreFullPacksThanFew) {
  // Two that are put, two that wait, two that are open; and what each thread has in hand.
  EXPECT_LT(ReadAheadOfStore(/*threads=*/16), 7 * kPackBytes + 16 * 8 * kFileBytes);
}

TEST(WriteSession, FewThreadsHoldFewerFullPacks) {
  // One that is put, one that waits, two that are open.
  EXPECT_LT(ReadAheadOfStore(/*threads=*/2), 5 * kPackBytes + 2 * 8 * kFileBytes);
}

TEST(WriteSession, PutsAtOnceByWhereTheStoreIs) {
  Limits limits;
  limits.puts = 4;
  EXPECT_EQ(PutsAtOnce(/*is_far=*/false, limits, /*threads=*/16), 2u);
  EXPECT_EQ(PutsAtOnce(/*is_far=*/false, limits, /*threads=*/2), 1u);
  EXPECT_EQ(PutsAtOnce(/*is_far=*/true, limits, /*threads=*/2), 4u);
  limits.puts = 1;
  EXPECT_EQ(PutsAtOnce(/*is_far=*/false, limits, /*threads=*/16), 1u);
  limits.puts = 0;
  EXPECT_EQ(PutsAtOnce(/*is_far=*/true, limits, /*threads=*/16), 1u);
}

}  // namespace
}  // namespace cairn
