#include "engine/store/retry_store.h"

#include "tests/support/fake_clock.h"
#include "tests/support/fault_store.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/named.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using When = FaultStore::When;

bool Always(const StoreCall&) { return true; }
bool IsPut(const StoreCall& call) { return Changes(call.operation); }

class RetryStoreTest : public testing::Test {
 protected:
  RetryStoreTest() { Make({}); }
  void Make(const RetryOptions& options) {
    auto faults = std::make_unique<FaultStore>(memory_);
    faults_ = faults.get();
    store_ = std::make_unique<RetryStore>(std::move(faults), clock_, random_, stop_.get_token(), options);
  }

  const ObjectName name_ = Named("snapshots/ab");
  FakeClock clock_;
  SeededRandom random_;
  std::stop_source stop_;
  MemoryStore memory_;
  FaultStore* faults_ = nullptr;
  std::unique_ptr<RetryStore> store_;
};

TEST_F(RetryStoreTest, TriesAgainWhatIsTransient) {
  faults_->FailWhere(Always, FaultStore::Transient(), When::kBefore, 3);
  EXPECT_OK(store_->Put(name_, AsBytes("x")));
  EXPECT_EQ(faults_->calls(), 4U);
  EXPECT_EQ(clock_.sleeps(), 3U);
  EXPECT_THAT(memory_.Get(name_, 10), IsOkAnd(BytesAre("x")));
}

TEST_F(RetryStoreTest, TriesAgainInEveryOperation) {
  ASSERT_OK(memory_.Put(name_, AsBytes("0123")));
  const auto fails_once = [&](const auto& operation) {
    faults_->ClearFaults();
    faults_->FailCall(1, FaultStore::Transient());
    EXPECT_THAT(operation(), IsOk());
    EXPECT_EQ(faults_->faults(), 1U);
    Make({});
  };
  fails_once([&] { return store_->Put(Named("index/ab"), AsBytes("x")); });
  fails_once([&] { return store_->PutIfAbsent(Named("index/cd"), AsBytes("x")); });
  fails_once([&] { return store_->Get(name_, 10); });
  fails_once([&] { return store_->GetRange(name_, 1, 2); });
  fails_once([&] { return store_->List("", [](const ObjectInfo&) -> Result<void> { return {}; }); });
  fails_once([&] { return store_->Stat(name_); });
  fails_once([&] { return store_->Remove(name_); });
}

TEST_F(RetryStoreTest, PassesOtherErrorsOnAtOnce) {
  faults_->FailWhere(IsPut, FaultStore::Broken());
  EXPECT_THAT(store_->Put(name_, AsBytes("x")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_THAT(store_->Get(name_, 10), ErrorCodeIs(ErrorCode::kNotFound));
  EXPECT_EQ(faults_->calls(), 2U);
  EXPECT_EQ(clock_.sleeps(), 0U);
}

TEST_F(RetryStoreTest, GivesUpAfterItsTries) {
  Make({.tries_max = 5});
  faults_->FailWhere(Always, FaultStore::Transient());
  EXPECT_THAT(store_->Put(name_, AsBytes("x")),
              ErrorIs(ErrorCode::kIo, AllOf(HasSubstr("given up after 5 tries"), HasSubstr("snapshots/ab"))));
  EXPECT_EQ(faults_->calls(), 5U);
}

TEST_F(RetryStoreTest, GivesUpAfterItsTime) {
  Make({.tries_max = 1'000'000, .time_max = 10min});
  faults_->FailWhere(Always, FaultStore::Transient());
  const auto begin = clock_.Steady();
  EXPECT_THAT(store_->Put(name_, AsBytes("x")), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_LE(clock_.Steady() - begin, 10min);
  EXPECT_GE(clock_.Steady() - begin, 8min);
}

TEST_F(RetryStoreTest, DelaysDoubleUpToTheirMaximumWithJitter) {
  Make({.tries_max = 9, .delay_first = 1s, .delay_max = 10s});
  std::vector<std::chrono::nanoseconds> at;
  faults_->FailWhere(Always, FaultStore::Transient());
  faults_->SetHook([&](const StoreCall&) { at.push_back(clock_.Steady()); });
  EXPECT_FALSE(store_->Stat(name_));
  ASSERT_EQ(at.size(), 9U);
  const std::vector<std::chrono::nanoseconds> full = {1s, 2s, 4s, 8s, 10s, 10s, 10s, 10s};
  unsigned shortened = 0;
  for (size_t i = 0; i < full.size(); ++i) {
    const auto delay = at[i + 1] - at[i];
    EXPECT_LE(delay, full[i]) << i;
    EXPECT_GE(delay, full[i] / 2) << i;
    shortened += delay < full[i];
  }
  EXPECT_GE(shortened, 7U);
}

TEST_F(RetryStoreTest, StopEndsTheWait) {
  faults_->FailWhere(Always, FaultStore::Transient());
  faults_->SetHook([&](const StoreCall& call) {
    if (call.number == 3) stop_.request_stop();
  });
  EXPECT_THAT(store_->Put(name_, AsBytes("x")), ErrorIs(ErrorCode::kInterrupted, HasSubstr("busy, says the test")));
  EXPECT_EQ(faults_->calls(), 3U);
}

TEST_F(RetryStoreTest, KnowsItsOwnPutIfAbsentAfterALostAnswer) {
  faults_->FailCall(1, FaultStore::Transient(), When::kAfter);
  EXPECT_THAT(store_->PutIfAbsent(name_, AsBytes("mine")), IsOkAnd(true));
  EXPECT_THAT(memory_.Get(name_, 10), IsOkAnd(BytesAre("mine")));
}

TEST_F(RetryStoreTest, DoesNotTakeAnothersPutForItsOwn) {
  for (const std::string_view other : {"other", "othr", "another's, which is longer"}) {
    const ObjectName name = Named("snapshots/" + std::to_string(other.size()));
    faults_->FailCall(1, FaultStore::Transient());  // had no effect
    faults_->SetHook([&](const StoreCall&) { EXPECT_OK(memory_.PutIfAbsent(name, AsBytes(other))); });
    EXPECT_THAT(store_->PutIfAbsent(name, AsBytes("mine!")), IsOkAnd(false));
    EXPECT_THAT(memory_.Get(name, 100), IsOkAnd(BytesAre(other)));
  }
}

TEST_F(RetryStoreTest, FirstAnswerOfPutIfAbsentNeedsNoSecondLook) {
  ASSERT_OK(memory_.Put(name_, AsBytes("mine")));
  EXPECT_THAT(store_->PutIfAbsent(name_, AsBytes("mine")), IsOkAnd(false));
  EXPECT_EQ(faults_->calls(), 1U);
}

TEST_F(RetryStoreTest, SaysSoWhereItMayNotLookWhoseItIs) {
  faults_->FailCall(1, FaultStore::Transient(), When::kAfter);
  faults_->FailWhere([](const StoreCall& call) { return call.operation == StoreOperation::kGet; },
                     Error(ErrorCode::kPermission, "put-only"));
  EXPECT_THAT(store_->PutIfAbsent(name_, AsBytes("mine")), ErrorIs(ErrorCode::kPermission, HasSubstr("whose")));
}

TEST_F(RetryStoreTest, TellsAListingOnceThoughItFailedAtItsEnd) {
  for (const std::string_view name : {"index/1", "index/2"}) ASSERT_OK(memory_.Put(Named(name), AsBytes("x")));
  memory_.AddStranger("index/UPPER");
  faults_->FailCall(1, FaultStore::Transient(), When::kAfter);
  std::vector<std::string> told;
  EXPECT_OK(store_->List(
      "",
      [&](const ObjectInfo& info) -> Result<void> {
        told.push_back(info.name.text());
        return {};
      },
      [&](const std::string& name) -> Result<void> {
        told.push_back(name);
        return {};
      }));
  EXPECT_EQ(told, (std::vector<std::string>{"index/1", "index/2", "index/UPPER"}));
}

TEST_F(RetryStoreTest, DoesNotRetryAnErrorOfEach) {
  ASSERT_OK(memory_.Put(name_, AsBytes("x")));
  int told = 0;
  EXPECT_THAT(store_->List("",
                           [&](const ObjectInfo&) -> Result<void> {
                             ++told;
                             return FaultStore::Transient();
                           }),
              ErrorCodeIs(ErrorCode::kIo));
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace cairn
