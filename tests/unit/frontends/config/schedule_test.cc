#include "frontends/config/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/matchers.h"
#include "tests/support/temp_folder.h"

namespace cairn {
namespace {

TEST(Schedule, TakesWhatCronTakes) {
  for (const char* text :
       {"* * * * *", "0 2 * * *", "*/15 0-6,22-23 * * 1-5", "0\t2  * * *", "59 23 31 12 7", "0 0 1 jan,Jul sun",
        "@hourly", "@daily", "@weekly", "@monthly", "@yearly", "0 0 * * sat-sun", "0 0 * * 6-0", "0 0 29 2 *",
        "0 0 31 2 1", "1-9/2 * * * *", "0 0 30,31 2,3 *"}) {
    EXPECT_OK(CheckSchedule(text)) << text;
  }
}

TEST(Schedule, RefusesWhatIsNone) {
  for (const char* text : {"",
                           "0 2 * *",
                           "0 2 * * * *",
                           "60 * * * *",
                           "* 24 * * *",
                           "* * 0 * *",
                           "* * 32 * *",
                           "* * * 13 *",
                           "* * * * 8",
                           "*/0 * * * *",
                           "*/60 * * * *",
                           "5/2 * * * *",
                           "9-1 * * * *",
                           "1,,2 * * * *",
                           "- * * * *",
                           "* * * foo *",
                           "* * jan * *",
                           "* * * anf *",
                           "-1 * * * *",
                           "* * * * fri-mon",
                           "@reboot",
                           "0x1 * * * *",
                           "CRON_TZ=UTC 0 2 * * *"}) {
    EXPECT_THAT(CheckSchedule(text), ErrorCodeIs(ErrorCode::kInvalidArgument)) << text;
  }
}

TEST(Schedule, RefusesADayThatNeverComes) {
  for (const char* text : {"0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6,9,11 *"}) {
    const auto checked = CheckSchedule(text);
    ASSERT_FALSE(checked) << text;
    EXPECT_THAT(checked.error().message(), testing::HasSubstr("no year has such a day"));
  }
}

TEST(TimeZone, IsANameOfTheSystem) {
  const TempFolder folder = TempFolder::InMemory();
  std::filesystem::create_directories(folder.path() + "/zones/Europe");
  std::ofstream(folder.path() + "/zones/Europe/Berlin") << "TZif2";
  std::ofstream(folder.path() + "/outside") << "TZif2";
  const std::string zones = folder.path() + "/zones";
  EXPECT_OK(CheckTimeZone("Europe/Berlin", zones));
  EXPECT_OK(CheckTimeZone("UTC", folder.path() + "/none"));
  for (const char* name : {"", "Europe", "Europe/Nowhere", "../outside", "Europe/../../outside", "/Europe/Berlin",
                           "Europe//Berlin", "Europe/Berlin/", "europe/berlin\n", "+01:00", "."}) {
    EXPECT_THAT(CheckTimeZone(name, zones), ErrorCodeIs(ErrorCode::kInvalidArgument)) << name;
  }
}

}  // namespace
}  // namespace cairn
