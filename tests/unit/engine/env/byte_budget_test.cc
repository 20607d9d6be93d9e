#include "engine/env/byte_budget.h"

#include <atomic>
#include <thread>
#include <vector>

#include "engine/env/random.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

using namespace std::chrono_literals;

TEST(ByteBudget, CountsWhatIsHeld) {
  ByteBudget budget(100);
  EXPECT_OK(budget.Acquire(60, {}));
  EXPECT_OK(budget.Acquire(40, {}));
  EXPECT_EQ(budget.used(), 100U);
  budget.Release(60);
  EXPECT_EQ(budget.used(), 40U);
  EXPECT_OK(budget.Acquire(0, {}));
  budget.Release(40);
  EXPECT_EQ(budget.used(), 0U);
}

TEST(ByteBudget, WaitsUntilBytesAreFree) {
  ByteBudget budget(100);
  ASSERT_OK(budget.Acquire(80, {}));
  std::atomic<bool> granted = false;
  std::jthread waiter([&] {
    EXPECT_OK(budget.Acquire(30, {}));
    granted = true;
  });
  std::this_thread::sleep_for(10ms);
  EXPECT_FALSE(granted);
  budget.Release(20);
  waiter.join();
  EXPECT_TRUE(granted);
  EXPECT_EQ(budget.used(), 90U);
}

TEST(ByteBudget, GrantsALargeRequestAlone) {
  ByteBudget budget(100);
  EXPECT_OK(budget.Acquire(UINT64_MAX, {}));
  std::stop_source stop;
  std::jthread waiter([&] { EXPECT_THAT(budget.Acquire(1, stop.get_token()), ErrorCodeIs(ErrorCode::kInterrupted)); });
  std::this_thread::sleep_for(10ms);
  stop.request_stop();
  waiter.join();
  budget.Release(UINT64_MAX);
  EXPECT_OK(budget.Acquire(1, {}));
}

TEST(ByteBudget, StopEndsAWait) {
  ByteBudget budget(1);
  ASSERT_OK(budget.Acquire(1, {}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(budget.Acquire(1, stop.get_token()), ErrorCodeIs(ErrorCode::kInterrupted));
  budget.Release(1);
  EXPECT_OK(budget.Acquire(1, {}));
}

TEST(ByteBudget, SmallRequestsDoNotPassALargeOne) {
  ByteBudget budget(100);
  ASSERT_OK(budget.Acquire(50, {}));
  std::atomic<int> next = 0;
  std::atomic<int> large_came = -1;
  std::jthread large([&] {
    EXPECT_OK(budget.Acquire(100, {}));
    large_came = next++;
    budget.Release(100);
  });
  std::this_thread::sleep_for(20ms);  // it waits now
  std::jthread small([&] {
    EXPECT_OK(budget.Acquire(10, {}));  // would fit beside the 50
    next++;
    budget.Release(10);
  });
  std::this_thread::sleep_for(20ms);
  EXPECT_EQ(next, 0);
  budget.Release(50);
  large.join();
  small.join();
  EXPECT_EQ(large_came, 0);
}

TEST(ByteBudget, AStoppedWaiterLetsTheNextOnePass) {
  ByteBudget budget(100);
  ASSERT_OK(budget.Acquire(50, {}));
  std::stop_source stop;
  std::jthread large([&] { EXPECT_THAT(budget.Acquire(100, stop.get_token()), ErrorCodeIs(ErrorCode::kInterrupted)); });
  std::this_thread::sleep_for(10ms);
  std::jthread small([&] { EXPECT_OK(budget.Acquire(10, {})); });
  std::this_thread::sleep_for(10ms);
  stop.request_stop();
  large.join();
  small.join();
  EXPECT_EQ(budget.used(), 60U);
}

TEST(ByteBudget, IsNeverExceededByManyThreads) {
  constexpr uint64_t kMax = 1'000;
  ByteBudget budget(kMax);
  std::atomic<uint64_t> held = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 500; ++n) {
        const uint64_t bytes = 1 + SystemRandom().Below(600);
        EXPECT_OK(budget.Acquire(bytes, {}));
        EXPECT_LE(held += bytes, kMax);
        held -= bytes;
        budget.Release(bytes);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace cairn
