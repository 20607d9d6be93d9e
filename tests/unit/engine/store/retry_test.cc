#include "engine/store/retry.h"

#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"
#include "tests/support/seeded_random.h"

namespace cairn {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A server that is up, or is not.
class RetryTest : public testing::Test {
 protected:
  Result<int> Ask() {
    return retry_.Repeat([&]() -> Result<int> {
      ++calls_;
      if (calls_ >= up_from_) return 1;
      return Error(ErrorCode::kIo, "the server is away").Transient();
    });
  }

  FakeClock clock_;
  SeededRandom random_;
  Retry retry_{clock_, random_, {}, {.tries_max = 3, .delay_first = 1s, .time_max = 10min}};
  int calls_ = 0;
  int up_from_ = 0;
};

TEST_F(RetryTest, AServerThatNeverAnsweredIsGivenUpAfterItsTries) {
  up_from_ = 100;
  EXPECT_THAT(Ask(), ErrorIs(ErrorCode::kIo, HasSubstr("given up after 3 tries")));
  EXPECT_LT(clock_.slept(), 4s);
}

TEST_F(RetryTest, AServerThatAnsweredOnceHasAllTheTime) {
  EXPECT_OK(Ask());
  up_from_ = 12;
  EXPECT_OK(Ask());
  EXPECT_EQ(calls_, 12);
  up_from_ = 1'000;
  EXPECT_THAT(Ask(), ErrorCodeIs(ErrorCode::kIo));
  EXPECT_GT(clock_.slept(), 8min);
}

TEST_F(RetryTest, AnErrorThatIsFinalIsAnAnswer) {
  const auto refused = [] { return Result<int>(Error(ErrorCode::kPermission, "no")); };
  EXPECT_THAT(retry_.Repeat(refused), ErrorCodeIs(ErrorCode::kPermission));
  up_from_ = 8;
  EXPECT_OK(Ask());
}

TEST_F(RetryTest, WhatIsGoneIsTriedOnceEachUntilItAnswers) {
  up_from_ = 6;
  EXPECT_FALSE(Ask());
  const auto slept = clock_.slept();
  EXPECT_THAT(Ask(), ErrorIs(ErrorCode::kIo, HasSubstr("given up after 1 try")));
  EXPECT_FALSE(Ask());
  EXPECT_EQ(clock_.slept(), slept);
  EXPECT_OK(Ask());  // the sixth call
  up_from_ = 12;
  EXPECT_OK(Ask());
  EXPECT_EQ(calls_, 12);
}

TEST_F(RetryTest, WaitsAsLongAsTheServerWants) {
  EXPECT_OK(Ask());
  for (const auto& [wanted, waited] : {std::pair(7s, 7s), std::pair(0s, 1s), std::pair(3'600s, 60s)}) {
    const auto slept = clock_.slept();
    retry_.HoldOff(wanted);
    calls_ = 0;
    up_from_ = 2;
    EXPECT_OK(Ask());
    EXPECT_LE(clock_.slept() - slept, waited);
    EXPECT_GE(clock_.slept() - slept, waited / 2);
    EXPECT_TRUE(wanted == 0s || clock_.slept() - slept == waited) << wanted.count();
  }
}

TEST_F(RetryTest, WhatIsOverHoldsNobodyOff) {
  EXPECT_OK(Ask());
  retry_.HoldOff(7s);
  clock_.Advance(8s);
  up_from_ = 3;
  EXPECT_OK(Ask());
  EXPECT_LE(clock_.slept(), 1s);
}

}  // namespace
}  // namespace cairn
