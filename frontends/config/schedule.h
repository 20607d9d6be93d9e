// When a job is to be run: a schedule in cron's form, and the time zone that it is meant in. For who runs jobs by them.
#pragma once

#include <string>

#include "repo-format/base/result.h"

namespace cairn {

// Five fields, parted by blanks: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday). Each is a
// list, parted by commas, of "*", a value or a range, the first and the last with "/STEP" behind it; months and days of
// the week have names of three letters too. Where both days are given, either will do, as with cron. Or @hourly,
// @daily, @weekly, @monthly, @yearly. kInvalidArgument, also for a date that no year has.
Result<void> CheckSchedule(const std::string& text);

// "UTC", or a name of the system's time zones ("Europe/Berlin"). kInvalidArgument where this machine knows none of it:
// a job that was never run, or at another time, would be found out late. `folder`: of the time zones; "" the system's.
Result<void> CheckTimeZone(const std::string& name, const std::string& folder = "");

}  // namespace cairn
