#include "engine/env/clock.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

#include <cstring>
#include <thread>

namespace cairn {
namespace {

using namespace std::chrono_literals;

constexpr UnixNs kSecond = 1'000'000'000;
constexpr UnixNs kWinter = 1'767'225'600 * kSecond;  // 2026-01-01
constexpr UnixNs kSummer = 1'782'864'000 * kSecond;  // 2026-07-01

TEST(SystemClock, TellsTheTime) {
  EXPECT_GT(SystemClock().Now(), 1'700'000'000 * kSecond);
  EXPECT_LT(SystemClock().Now(), 5'000'000'000 * kSecond);
}

TEST(SystemClock, SteadyTimeNeverGoesBack) {
  auto last = SystemClock().Steady();
  for (int i = 0; i < 1'000; ++i) {
    const auto now = SystemClock().Steady();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClock, SleepsAsLongAsItSays) {
  const auto begin = SystemClock().Steady();
  EXPECT_TRUE(SystemClock().Sleep(30ms, {}));
  EXPECT_GE(SystemClock().Steady() - begin, 30ms);
  EXPECT_TRUE(SystemClock().Sleep(-5s, {}));
  EXPECT_TRUE(SystemClock().Sleep(0s, {}));
}

TEST(SystemClock, StopEndsASleep) {
  std::stop_source stop;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(20ms);
    stop.request_stop();
  });
  const auto begin = SystemClock().Steady();
  EXPECT_FALSE(SystemClock().Sleep(std::chrono::nanoseconds::max(), stop.get_token()));
  EXPECT_LT(SystemClock().Steady() - begin, 60s);
  EXPECT_FALSE(SystemClock().Sleep(60s, stop.get_token()));
}

// The zone is read once in a process, so each of these runs in one of its own.
int OffsetsUnder(const char* zone, int32_t winter, int32_t summer, const char* name) {
  setenv("TZ", zone, 1);
  tzset();
  const bool good = SystemClock().OffsetMinutes(kWinter) == winter && SystemClock().OffsetMinutes(kSummer) == summer &&
                    std::strcmp(SystemClock().ZoneName(), name) == 0;
  return good ? 0 : 1;
}

TEST(SystemClockDeathTest, KnowsTheLocalOffsetAndZone) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(std::exit(OffsetsUnder("CET-1CEST,M3.5.0,M10.5.0/3", 60, 120, "")), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(std::exit(OffsetsUnder("<-0330>3:30", -210, -210, "")), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(std::exit(OffsetsUnder("", 0, 0, "UTC")), testing::ExitedWithCode(0), "");
}

TEST(SystemClockDeathTest, KnowsTheOffsetBefore1970) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(
      {
        setenv("TZ", "XYZ-5:45", 1);
        tzset();
        std::exit(SystemClock().OffsetMinutes(-1) == 345 && SystemClock().OffsetMinutes(INT64_MIN) == 345 ? 0 : 1);
      },
      testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace cairn
