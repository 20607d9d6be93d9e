#include "engine/repo/time_text.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"

namespace cairn {
namespace {

class ChangingClock : public Clock {
 public:
  // From `changes` on, in order, the offset is another.
  explicit ChangingClock(int32_t first, std::vector<std::pair<int64_t, int32_t>> changes)
      : first_(first), changes_(std::move(changes)) {}
  UnixNs Now() const override { return base_.Now(); }
  std::chrono::nanoseconds Steady() const override { return base_.Steady(); }
  const char* ZoneName() const override { return "CET"; }
  bool Sleep(std::chrono::nanoseconds span, const std::stop_token& stop) const override {
    return base_.Sleep(span, stop);
  }
  int32_t OffsetMinutes(UnixNs when) const override {
    int32_t offset = first_;
    for (const auto& [second, then] : changes_) offset = when / 1'000'000'000 >= second ? then : offset;
    return offset;
  }

 private:
  const int32_t first_;
  const std::vector<std::pair<int64_t, int32_t>> changes_;
  const FakeClock base_;
};

// Central Europe in 2026: an hour before UTC, two from the 29th of March, 01:00 UTC, to the 25th of October.
ChangingClock EuropeanClock() { return ChangingClock(60, {{1'774'746'000, 120}, {1'792'890'000, 60}}); }

struct Span {
  const char* text;
  WireTime begin, end;
};

constexpr uint32_t kLast = 999'999'999;

class TimeText : public testing::TestWithParam<Span> {};

TEST_P(TimeText, NamesASpan) {
  const ChangingClock clock = EuropeanClock();
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
  const ChangingClock clock = EuropeanClock();
  for (const char* text :
       {"", "2026", "2026-11", "2026-02-30", "2026-11-20T", "2026-11-20T22", "2026-11-20T24:00", "2026-11-20T22:60",
        "2026-11-20T22:25:60", "2026-11-20T22:25:16.", "2026-11-20T22:25:16.x", "2026-11-20T22:25:16.0667206921",
        "2026-11-20T22:25.5", "2026-11-20T22:25:16+15:00", "yesterday"}) {
    EXPECT_THAT(ParseTime(text, clock), ErrorCodeIs(ErrorCode::kInvalidArgument)) << text;
    EXPECT_THAT(ParseEndOfTime(text, clock), ErrorCodeIs(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(TimeBeyondCalendars, IsShownInSeconds) {
  EXPECT_EQ(FormatTime({INT64_MAX, 0}, 60), "@9223372036854775807");
  EXPECT_EQ(FormatTime({INT64_MIN, 0}, -60), "@-9223372036854775808");
  EXPECT_EQ(FormatTime({-62'167'219'200, 0}, 0), "0000-01-01 00:00:00");
}

// Clocks go forward within the hour, and at midnight, west of UTC.
TEST(ChangeOfClocks, DoesNotMoveTheEndsOfWhatIsNamedBesideIt) {
  const ChangingClock new_york(-300, {{1'772'953'200, -240}}), havana(-300, {{1'772'946'000, -240}});
  const auto seconds = [](const Clock& clock, const char* text) {
    const auto begin = ParseTime(text, clock), end = ParseEndOfTime(text, clock);
    return begin && end ? end->seconds - begin->seconds + 1 : -1;
  };
  EXPECT_EQ(seconds(new_york, "2026-03-08 01:59"), 60);
  EXPECT_EQ(seconds(new_york, "2026-03-08"), 23 * 3'600);
  EXPECT_EQ(seconds(EuropeanClock(), "2026-10-25 01:59:59"), 1);
  EXPECT_EQ(seconds(havana, "2026-03-07"), 24 * 3'600);
  EXPECT_EQ(ParseEndOfTime("2026-03-07", havana)->seconds, 1'772'945'999);
  EXPECT_EQ(seconds(EuropeanClock(), "9999-12-31"), 24 * 3'600);
}

}  // namespace
}  // namespace cairn
