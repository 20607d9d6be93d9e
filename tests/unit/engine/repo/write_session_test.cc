#include "engine/repo/write_session.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "tests/support/fault_store.h"
#include "tests/support/machine.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"

namespace cairn {
namespace {

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

}  // namespace
}  // namespace cairn
