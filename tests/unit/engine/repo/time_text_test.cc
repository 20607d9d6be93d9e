#include "engine/repo/time_text.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

// Central Europe in 2026: an hour before UTC, two from the 29th of March, 01:00 UTC, to the 25th of October.
class EuropeanClock : public Clock {
 public:
  UnixNs Now() const override { return base_.Now(); }
  std::chrono::nanoseconds Steady() const override { return base_.Steady(); }
  const char* ZoneName() const override { return "CET"; }
  bool Sleep(std::chrono::nanoseconds span, const std::stop_token& stop) const override {
    return base_.Sleep(span, stop);
  }
  int32_t OffsetMinutes(UnixNs when) const override {
    const int64_t seconds = when / 1'000'000'000;
    return seconds >= 1'774'746'000 && seconds < 1'792'890'000 ? 120 : 60;
  }

 private:
  FakeClock base_;
};

struct Span {
  const char* text;
  WireTime begin, end;
};

constexpr uint32_t kLast = 999'999'999;

class TimeText : public testing::TestWithParam<Span> {};

TEST_P(TimeText, NamesASpan) {
  const EuropeanClock clock;
  const auto begin = ParseTime(GetParam().text, clock), end = ParseEndOfTime(GetParam().text, clock);
  ASSERT_OK(begin);
  ASSERT_OK(end);
  EXPECT_EQ(begin->seconds, GetParam().begin.seconds);
  EXPECT_EQ(begin->nanoseconds, GetParam().begin.nanoseconds);
  EXPECT_EQ(end->seconds, GetParam().end.seconds);
  EXPECT_EQ(end->nanoseconds, GetParam().end.nanoseconds);
}

INSTANTIATE_TEST_SUITE_P(
    Times, TimeText,
    testing::Values(Span{"2026-11-20", {1'795'129'200, 0}, {1'795'215'599, kLast}},
                    Span{"2026-03-29", {1'774'738'800, 0}, {1'774'821'599, kLast}},  // of 23 hours
                    Span{"2026-10-25", {1'792'879'200, 0}, {1'792'969'199, kLast}},  // of 25 hours
                    Span{"2026-11-20 22:25", {1'795'209'900, 0}, {1'795'209'959, kLast}},
                    Span{"2026-11-20T22:25:16", {1'795'209'916, 0}, {1'795'209'916, kLast}},
                    Span{"2026-11-20T21:25:16Z", {1'795'209'916, 0}, {1'795'209'916, kLast}},
                    Span{"2026-11-20T22:25:16+01:00", {1'795'209'916, 0}, {1'795'209'916, kLast}},
                    Span{"2026-11-20T22:25:16.5", {1'795'209'916, 500'000'000}, {1'795'209'916, 599'999'999}},
                    Span{"2026-11-20T21:25:16.066720692Z", {1'795'209'916, 66'720'692}, {1'795'209'916, 66'720'692}},
                    Span{"1969-12-31T23:59:59Z", {-1, 0}, {-1, kLast}}));

TEST(NoTimeText, IsRefused) {
  const EuropeanClock clock;
  for (const char* text :
       {"", "2026", "2026-11", "2026-02-30", "2026-11-20T", "2026-11-20T22", "2026-11-20T24:00", "2026-11-20T22:60",
        "2026-11-20T22:25:60", "2026-11-20T22:25:16.", "2026-11-20T22:25:16.x", "2026-11-20T22:25:16.0667206921",
        "2026-11-20T22:25.5", "2026-11-20T22:25:16+15:00", "yesterday"}) {
    EXPECT_THAT(ParseTime(text, clock), ErrorCodeIs(ErrorCode::kInvalidArgument)) << text;
    EXPECT_THAT(ParseEndOfTime(text, clock), ErrorCodeIs(ErrorCode::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace cairn
