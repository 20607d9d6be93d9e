#include "engine/store/limit_store.h"

#include <thread>
#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/named.h"

namespace cairn {
namespace {

using namespace std::chrono_literals;

class LimitStoreTest : public testing::Test {
 protected:
  void Make(const BandwidthLimits& limits) {
    auto memory = std::make_unique<MemoryStore>();
    memory_ = memory.get();
    store_ = std::make_unique<LimitStore>(std::move(memory), limits, clock_, stop_.get_token());
  }
  static std::string Name(int i) { return "data/" + std::to_string(i); }

  FakeClock clock_;
  std::stop_source stop_;
  MemoryStore* memory_ = nullptr;
  std::unique_ptr<LimitStore> store_;
};

TEST_F(LimitStoreTest, PutsKeepToTheirLimit) {
  Make({.upload = 1'000});
  for (int i = 0; i < 10; ++i) EXPECT_OK(store_->Put(Named(Name(i)), Bytes(500)));
  for (int i = 10; i < 20; ++i) EXPECT_THAT(store_->PutIfAbsent(Named(Name(i)), Bytes(500)), IsOkAnd(true));
  EXPECT_EQ(clock_.slept(), 10s);
}

TEST_F(LimitStoreTest, GetsKeepToTheirLimit) {
  Make({.download = 1'000});
  ASSERT_OK(store_->Put(Named("data/ab"), Bytes(2'000)));
  for (int i = 0; i < 3; ++i) EXPECT_OK(store_->Get(Named("data/ab"), 2'000));
  for (int i = 0; i < 4; ++i) EXPECT_OK(store_->GetRange(Named("data/ab"), 0, 250));
  EXPECT_EQ(clock_.slept(), 7s);
}

// A job with one transfer has a limit too.
TEST_F(LimitStoreTest, TheOnlyTransferTakesItsTime) {
  Make({.upload = 1'000});
  EXPECT_OK(store_->Put(Named("data/ab"), Bytes(4'000)));
  EXPECT_EQ(clock_.slept(), 4s);
}

TEST_F(LimitStoreTest, UpAndDownAreApart) {
  Make({.upload = 1, .download = 1'000});
  ASSERT_OK(store_->Put(Named("data/ab"), Bytes(5'000)));
  EXPECT_EQ(clock_.slept(), 5'000s);
  EXPECT_OK(store_->Get(Named("data/ab"), 5'000));
  EXPECT_EQ(clock_.slept(), 5'005s);
}

TEST_F(LimitStoreTest, WithoutALimitNothingWaits) {
  Make({});
  for (int i = 0; i < 10; ++i) {
    EXPECT_OK(store_->Put(Named(Name(i)), Bytes(100'000)));
    EXPECT_OK(store_->Get(Named(Name(i)), 100'000));
  }
  EXPECT_EQ(clock_.sleeps(), 0U);
}

TEST_F(LimitStoreTest, WhatWasNotUsedIsNotSaved) {
  Make({.upload = 1'000});
  EXPECT_OK(store_->Put(Named("data/ab"), Bytes(1'000)));
  clock_.Advance(1h);
  EXPECT_OK(store_->Put(Named("data/cd"), Bytes(1'000)));
  EXPECT_OK(store_->Put(Named("data/ef"), Bytes(1'000)));
  EXPECT_EQ(clock_.slept(), 3s);
}

TEST_F(LimitStoreTest, StopEndsTheWait) {
  Make({.upload = 1, .download = 1});
  EXPECT_OK(store_->Put(Named("data/ab"), Bytes(1'000)));
  EXPECT_OK(store_->Get(Named("data/ab"), 1'000));
  stop_.request_stop();
  EXPECT_THAT(store_->Put(Named("data/cd"), Bytes(1)), ErrorCodeIs(ErrorCode::kInterrupted));
  EXPECT_THAT(store_->GetRange(Named("data/ab"), 0, 1), ErrorCodeIs(ErrorCode::kInterrupted));
  EXPECT_THAT(memory_->Stat(Named("data/cd")), ErrorCodeIs(ErrorCode::kNotFound));
}

TEST_F(LimitStoreTest, ThreadsShareTheLimit) {
  Make({.upload = 1'000});
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n) EXPECT_OK(store_->Put(Named(Name(i * 10 + n)), Bytes(100)));
    });
  }
  threads.clear();
  EXPECT_GE(clock_.Steady(), 3'900ms);
  EXPECT_EQ(memory_->Contents().size(), 40U);
}

}  // namespace
}  // namespace cairn
