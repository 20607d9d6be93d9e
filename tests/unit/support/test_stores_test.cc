// The stores that fail on purpose.
#include <gtest/gtest.h>

#include "tests/support/crash_store.h"
#include "tests/support/fault_store.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/named.h"
#include "tests/support/test_context.h"

namespace cairn {
namespace {

using testing::HasSubstr;

TEST(FaultStore, FailsTheNthCallBeforeItsEffect) {
  MemoryStore memory;
  FaultStore store(memory);
  ASSERT_OK(store.Put(Named("a"), {}));
  store.FailCall(2, FaultStore::Broken());
  EXPECT_OK(store.Put(Named("b"), {}));
  EXPECT_THAT(store.Put(Named("c"), {}), ErrorIs(ErrorCode::kIo, HasSubstr("Put c")));
  EXPECT_OK(store.Put(Named("d"), {}));
  EXPECT_EQ(memory.Contents().size(), 3U);
  EXPECT_EQ(store.faults(), 1U);
  EXPECT_EQ(store.calls(), 4U);
}

TEST(FaultStore, FailsAfterTheEffect) {
  MemoryStore memory;
  FaultStore store(memory);
  store.FailCall(1, FaultStore::Transient(), FaultStore::When::kAfter);
  const auto put = store.PutIfAbsent(Named("a"), AsBytes("x"));
  ASSERT_THAT(put, ErrorCodeIs(ErrorCode::kIo));
  EXPECT_TRUE(put.error().transient());
  EXPECT_THAT(memory.Get(Named("a"), 1), IsOkAnd(BytesAre("x")));
}

TEST(FaultStore, FailsWhatFitsAsOftenAsItShall) {
  MemoryStore memory;
  FaultStore store(memory);
  store.FailWhere([](const StoreCall& call) { return call.name.starts_with("index/"); }, FaultStore::Broken(),
                  FaultStore::When::kBefore, 2);
  EXPECT_OK(store.Put(Named("data/a"), {}));
  EXPECT_FALSE(store.Put(Named("index/a"), {}));
  EXPECT_FALSE(store.List("index/", [](const ObjectInfo&) -> Result<void> { return {}; }));
  EXPECT_OK(store.Put(Named("index/a"), {}));
  store.FailWhere([](const StoreCall&) { return true; }, FaultStore::Broken());
  EXPECT_FALSE(store.Get(Named("index/a"), 1));
  store.ClearFaults();
  EXPECT_OK(store.Get(Named("index/a"), 1));
}

TEST(FaultStore, TellsAHookBeforeEachCall) {
  MemoryStore memory;
  FaultStore store(memory);
  std::vector<std::string> told;
  store.SetHook([&](const StoreCall& call) {
    told.push_back(fmt::format("{} {} {}", call.number, Name(call.operation), call.name));
    if (call.number > 1) return;
    EXPECT_THAT(store.PutIfAbsent(Named("a"), {}), IsOkAnd(true));
  });
  EXPECT_THAT(store.PutIfAbsent(Named("a"), {}), IsOkAnd(false));  // the hook was first
  EXPECT_OK(store.Stat(Named("a")));
  EXPECT_OK(store.GetRange(Named("a"), 0, 0));
  EXPECT_EQ(told, (std::vector<std::string>{"1 PutIfAbsent a", "3 Stat a", "4 GetRange a"}));
  EXPECT_EQ(store.calls(StoreOperation::kPutIfAbsent), 2U);
  EXPECT_EQ(store.History().size(), 4U);
}

TEST(CrashStore, NothingWorksAfterTheCrashUntilRevive) {
  for (const auto when : {CrashStore::When::kBefore, CrashStore::When::kAfter}) {
    MemoryStore memory;
    CrashStore store(memory);
    store.CrashAt(2, when);
    EXPECT_OK(store.Put(Named("a"), {}));
    EXPECT_FALSE(store.crashed());
    const auto put = store.Put(Named("b"), {});
    ASSERT_FALSE(put);
    EXPECT_TRUE(CrashStore::IsCrash(put.error()));
    EXPECT_TRUE(CrashStore::IsCrash(Error(put.error()).While("putting b")));
    EXPECT_FALSE(put.error().transient());
    EXPECT_TRUE(store.crashed());
    EXPECT_FALSE(store.Get(Named("a"), 1));
    EXPECT_FALSE(store.Put(Named("c"), {}));
    EXPECT_EQ(memory.Contents().size(), when == CrashStore::When::kAfter ? 2U : 1U);
    store.Revive();
    EXPECT_OK(store.Get(Named("a"), 1));
  }
  EXPECT_FALSE(CrashStore::IsCrash(FaultStore::Broken()));
}

TEST(MemoryStore, MayBeDamagedAndPutBack) {
  MemoryStore store;
  ASSERT_OK(store.Put(Named("data/a"), AsBytes("abc")));
  const auto good = store.Contents();
  EXPECT_TRUE(store.Damage(Named("data/a"), [](Bytes& bytes) { bytes[1] ^= 1; }));
  EXPECT_FALSE(store.Damage(Named("data/b"), [](Bytes&) {}));
  EXPECT_THAT(store.Get(Named("data/a"), 3), IsOkAnd(BytesAre("acc")));
  store.SetContents(good);
  EXPECT_THAT(store.Get(Named("data/a"), 3), IsOkAnd(BytesAre("abc")));
}

TEST(TestContext, IsAWorldOfItsOwn) {
  TestContext context;
  JobContext& job = context.job;
  const auto before = job.clock.Now();
  context.clock.Advance(std::chrono::hours(1));
  EXPECT_EQ(job.clock.Now() - before, 3'600'000'000'000);
  EXPECT_TRUE(job.clock.Sleep(std::chrono::hours(1), job.stop));
  job.log.Warning("one {}", 1);
  job.log.Info("two");
  EXPECT_EQ(context.log.Lines(LogLevel::kWarning), (std::vector<std::string>{"one 1"}));
  EXPECT_EQ(context.log.Lines().size(), 2U);
  context.stop.request_stop();
  EXPECT_TRUE(job.stop.stop_requested());
  EXPECT_FALSE(job.clock.Sleep(std::chrono::hours(1), job.stop));
  EXPECT_EQ(job.random.NewId<SessionId>(), SeededRandom(1).NewId<SessionId>());
  EXPECT_EQ(job.limits.segment_blobs_max, Limits::ForTests().segment_blobs_max);
  EXPECT_EQ(TestContext({.workers = 3}).job.executor.workers(), 3U);
}

}  // namespace
}  // namespace cairn
