#include "engine/repo/get_each.h"

#include <atomic>

#include "tests/support/fault_store.h"
#include "tests/support/matchers.h"
#include "tests/support/memory_store.h"
#include "tests/support/named.h"
#include "tests/support/test_context.h"

namespace cairn {
namespace {

constexpr size_t kMany = 100;

class GetEachTest : public testing::TestWithParam<unsigned> {
 protected:
  void SetUp() override {
    for (size_t i = 0; i < kMany; ++i) {
      names_.push_back(Named("notes/" + std::to_string(i)));
      if (i == 7) continue;
      ASSERT_OK(memory_.Put(names_.back(), AsBytes(std::to_string(i))));
    }
    context_.job.limits.gets = GetParam();
  }
  MemoryStore memory_;
  FaultStore store_{memory_};
  TestContext context_;
  std::vector<ObjectName> names_;
};

TEST_P(GetEachTest, GivesAllInOrderWithWhatFailed) {
  size_t next = 0;
  ASSERT_OK(GetEach(store_, names_, 10, context_.job, [&](size_t number, Result<Bytes> object) -> Result<void> {
    EXPECT_EQ(number, next++);
    if (number == 7) {
      EXPECT_THAT(object, ErrorCodeIs(ErrorCode::kNotFound));
    } else {
      EXPECT_THAT(object, IsOkAnd(BytesAre(std::to_string(number))));
    }
    return {};
  }));
  EXPECT_EQ(next, kMany);
  EXPECT_EQ(store_.calls(StoreOperation::kGet), kMany);
}

TEST_P(GetEachTest, EndsWithAnErrorOfEach) {
  size_t told = 0;
  const auto got = GetEach(store_, names_, 10, context_.job, [&](size_t, const Result<Bytes>&) -> Result<void> {
    if (++told == 3) return Error(ErrorCode::kBusy, "enough");
    return {};
  });
  EXPECT_THAT(got, ErrorCodeIs(ErrorCode::kBusy));
  EXPECT_EQ(told, 3U);
  EXPECT_LE(store_.calls(StoreOperation::kGet), 3 + GetParam());
}

TEST_P(GetEachTest, StopsWhenAskedTo) {
  size_t told = 0;
  const auto got = GetEach(store_, names_, 10, context_.job, [&](size_t, const Result<Bytes>&) -> Result<void> {
    if (++told == 5) context_.stop.request_stop();
    return {};
  });
  EXPECT_THAT(got, ErrorCodeIs(ErrorCode::kInterrupted));
  EXPECT_EQ(told, 5U);
}

TEST_P(GetEachTest, OfNothingIsNothing) {
  ASSERT_OK(GetEach(store_, {}, 10, context_.job,
                    [](size_t, const Result<Bytes>&) -> Result<void> { return Error(ErrorCode::kIo, "called"); }));
}

INSTANTIATE_TEST_SUITE_P(AtOnce, GetEachTest, testing::Values(1U, 8U));

}  // namespace
}  // namespace cairn
