#include "engine/env/thread.h"

#include <gtest/gtest.h>

#include <atomic>

#include "engine/env/executor.h"
#include "tests/support/matchers.h"
#include "tests/support/no_threads.h"

namespace cairn {
namespace {

using testing::HasSubstr;

TEST(Thread, RunsUntilItIsAskedToEnd) {
  std::atomic<bool> has_ended = false;
  {
    auto thread = StartThread([&](const std::stop_token& ending) {
      while (!ending.stop_requested()) std::this_thread::yield();
      has_ended = true;
    });
    ASSERT_OK(thread);
  }
  EXPECT_TRUE(has_ended);
}

TEST(Thread, OneThatTheSystemDoesNotGiveIsAnError) {
  const NoThreads none;
  EXPECT_THAT(StartThread([](const std::stop_token&) {}), ErrorIs(ErrorCode::kIo, HasSubstr("no more threads")));
}

TEST(Thread, APoolWithoutThreadsRunsTasksWhereTheyAreSubmitted) {
  std::unique_ptr<Executor> pool;
  {
    const NoThreads none;
    pool = MakeThreadPool(4);
  }
  EXPECT_EQ(pool->workers(), 1U);
  std::thread::id ran_in;
  pool->Submit([&] { ran_in = std::this_thread::get_id(); });
  EXPECT_EQ(ran_in, std::this_thread::get_id());
}

}  // namespace
}  // namespace cairn
