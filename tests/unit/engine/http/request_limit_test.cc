#include "engine/http/request_limit.h"

#include <vector>

#include "tests/support/fake_clock.h"
#include "tests/support/matchers.h"

namespace cairn::http {
namespace {

using std::chrono::seconds;

TEST(RequestRate, Parses) {
  EXPECT_EQ(RequestRate::Parse("600/30m").value().requests, 600U);
  EXPECT_EQ(RequestRate::Parse("600/30m").value().span, seconds(1'800));
  EXPECT_EQ(RequestRate::Parse("1/1s").value().span, seconds(1));
  EXPECT_EQ(RequestRate::Parse("9/24h").value().span, seconds(86'400));
  for (const std::string_view bad : {"", "600", "600/", "600/30", "600/m", "0/1s", "1/0s", "-1/1s", "1/25h", "1/1d",
                                     "100001/1s", "1/18446744073709551615h", "1/1s/2", " 1/1s"}) {
    EXPECT_THAT(RequestRate::Parse(bad), ErrorCodeIs(ErrorCode::kInvalidArgument)) << bad;
  }
}

TEST(RequestLimit, LetsNoMoreBeginWithinAnySpan) {
  FakeClock clock;
  RequestLimit limit({.requests = 3, .span = seconds(10)}, clock, {}, {});
  std::vector<std::chrono::nanoseconds> begins;
  for (int i = 0; i < 12; ++i) {
    ASSERT_OK(limit.Wait());
    begins.push_back(clock.Steady());
    clock.Advance(seconds(1));
  }
  for (size_t i = 3; i < begins.size(); ++i) EXPECT_GE(begins[i] - begins[i - 3], seconds(10)) << i;
  EXPECT_EQ(begins[2] - begins[0], seconds(2));
  EXPECT_EQ(begins[11] - begins[0], seconds(32));  // nor does it wait longer than it must
}

TEST(RequestLimit, TellsLongWaits) {
  FakeClock clock;
  std::vector<std::chrono::nanoseconds> waits;
  RequestLimit limit({.requests = 1, .span = seconds(60)}, clock, {},
                     [&](const RequestRate& rate, std::chrono::nanoseconds wait) {
                       EXPECT_EQ(rate.requests, 1U);
                       waits.push_back(wait);
                     });
  ASSERT_OK(limit.Wait());
  clock.Advance(seconds(20));
  ASSERT_OK(limit.Wait());
  clock.Advance(std::chrono::milliseconds(59'500));
  ASSERT_OK(limit.Wait());
  EXPECT_THAT(waits, testing::ElementsAre(seconds(40)));
}

TEST(RequestLimit, EndsWhenStopIsAskedFor) {
  std::stop_source stop;
  RequestLimit limit({.requests = 1, .span = seconds(3'600)}, SystemClock(), stop.get_token(), {});
  ASSERT_OK(limit.Wait());
  stop.request_stop();
  EXPECT_THAT(limit.Wait(), ErrorCodeIs(ErrorCode::kInterrupted));
}

}  // namespace
}  // namespace cairn::http
