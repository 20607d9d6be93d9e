#include "engine/env/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <thread>

namespace cairn {
namespace {

TEST(ThreadPool, RunsEveryTask) {
  std::atomic<int> done = 0;
  {
    const auto pool = MakeThreadPool(3);
    EXPECT_EQ(pool->workers(), 3U);
    for (int i = 0; i < 1'000; ++i) pool->Submit([&] { ++done; });
  }
  EXPECT_EQ(done, 1'000);
}

TEST(ThreadPool, RunsAsManyAtOnceAsItHasWorkers) {
  const auto pool = MakeThreadPool(3);
  std::latch all_here(3);  // each waits for the other two
  std::mutex mutex;
  std::set<std::thread::id> threads;
  std::latch done(3);
  for (int i = 0; i < 3; ++i) {
    pool->Submit([&] {
      all_here.arrive_and_wait();
      {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      }
      done.count_down();
    });
  }
  done.wait();
  const std::lock_guard lock(mutex);
  EXPECT_EQ(threads.size(), 3U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(ThreadPool, RunsWhatTasksSubmitWhileItEnds) {
  std::atomic<int> done = 0;
  {
    const auto pool = MakeThreadPool(2);
    pool->Submit([&] {
      for (int i = 0; i < 10; ++i) {
        pool->Submit([&] {
          pool->Submit([&] { ++done; });
          ++done;
        });
      }
    });
  }
  EXPECT_EQ(done, 20);
}

TEST(ThreadPool, HasAtLeastOneWorker) {
  std::atomic<bool> done = false;
  {
    const auto pool = MakeThreadPool(0);
    EXPECT_EQ(pool->workers(), 1U);
    pool->Submit([&] { done = true; });
  }
  EXPECT_TRUE(done);
}

TEST(InlineExecutor, RunsEachTaskInTheCallersThread) {
  const auto executor = MakeInlineExecutor();
  std::thread::id thread;
  int order = 0;
  executor->Submit([&] {
    thread = std::this_thread::get_id();
    executor->Submit([&] { EXPECT_EQ(++order, 1); });
    EXPECT_EQ(++order, 2);
  });
  EXPECT_EQ(++order, 3);
  EXPECT_EQ(thread, std::this_thread::get_id());
  EXPECT_EQ(executor->workers(), 1U);
}

}  // namespace
}  // namespace cairn
