#include "engine/repo/time_text.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <optional>

namespace cairn {
namespace {

std::optional<int> TakeNumber(std::string_view& text, size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, value);
  if (error != std::errc() || end != text.data() + digits) return std::nullopt;
  text.remove_prefix(digits);
  return value;
}

bool TakeChar(std::string_view& text, std::string_view one_of) {
  if (text.empty() || one_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

constexpr int64_t kSecond = 1'000'000'000;  // in nanoseconds
constexpr int64_t kDaySeconds = 86'400;

int64_t OffsetSeconds(const Clock& clock, int64_t utc) {
  constexpr int64_t kSecondsMax = 9'000'000'000;  // what nanoseconds in 64 bits hold
  return clock.OffsetMinutes(std::clamp(utc, -kSecondsMax, kSecondsMax) * kSecond) * int64_t{60};
}

struct CivilTime {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  uint32_t nanosecond = 0;
  int64_t span = 86'400 * kSecond;  // of what was named: a day, a minute, a second or less; in nanoseconds
  std::optional<int> offset_minutes;
};

// Behind the point: up to nine digits.
bool TakeFraction(std::string_view& text, CivilTime& time) {
  time.span = kSecond;
  int digits = 0;
  for (; digits < 9 && !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits, text.remove_prefix(1)) {
    time.span /= 10;
    time.nanosecond += static_cast<uint32_t>((text.front() - '0') * time.span);
  }
  return digits > 0;
}

bool TakeOffset(std::string_view& text, CivilTime& time) {
  if (TakeChar(text, "zZ")) {
    time.offset_minutes = 0;
    return true;
  }
  const int sign = text.front() == '-' ? -1 : 1;
  if (!TakeChar(text, "+-")) return false;
  const auto hours = TakeNumber(text, 2);
  if (!hours) return false;
  TakeChar(text, ":");
  const auto minutes = text.empty() ? std::optional<int>(0) : TakeNumber(text, 2);
  if (!minutes || *hours > 14 || *minutes > 59) return false;
  time.offset_minutes = sign * (*hours * 60 + *minutes);
  return true;
}

std::optional<CivilTime> ParseCivil(std::string_view text) {
  CivilTime time;
  const auto year = TakeNumber(text, 4);
  if (!year || !TakeChar(text, "-")) return std::nullopt;
  const auto month = TakeNumber(text, 2);
  if (!month || !TakeChar(text, "-")) return std::nullopt;
  const auto day = TakeNumber(text, 2);
  if (!day) return std::nullopt;
  time.year = *year;
  time.month = *month;
  time.day = *day;
  if (TakeChar(text, "T ")) {
    const auto hour = TakeNumber(text, 2);
    if (!hour || !TakeChar(text, ":")) return std::nullopt;
    const auto minute = TakeNumber(text, 2);
    if (!minute) return std::nullopt;
    time.hour = *hour;
    time.minute = *minute;
    time.span = 60 * kSecond;
    if (TakeChar(text, ":")) {
      const auto second = TakeNumber(text, 2);
      if (!second) return std::nullopt;
      time.second = *second;
      time.span = kSecond;
      if (TakeChar(text, ".") && !TakeFraction(text, time)) return std::nullopt;
    }
    if (!text.empty() && !TakeOffset(text, time)) return std::nullopt;
  }
  const bool in_range = time.hour <= 23 && time.minute <= 59 && time.second <= 59;
  if (!text.empty() || !in_range) return std::nullopt;
  return time;
}

struct TimeSpan {
  WireTime begin;
  int64_t seconds = 0;  // with less than one: nanoseconds
  uint32_t nanoseconds = 0;
};

Result<TimeSpan> ParseSpan(std::string_view text, const Clock& clock) {
  using namespace std::chrono;
  const auto bad = [&] {
    return MakeError(ErrorCode::kInvalidArgument,
                     "\"{}\" is no time: write 2026-11-20, 2026-11-20T22:25:16, or with Z or +01:00 behind it", text);
  };
  const auto civil = ParseCivil(text);
  if (!civil) return bad();
  const year_month_day date{year(civil->year), month(static_cast<unsigned>(civil->month)),
                            day(static_cast<unsigned>(civil->day))};
  if (!date.ok()) return bad();
  const auto to_utc = [&](int64_t local) {
    if (civil->offset_minutes) return local - *civil->offset_minutes * 60;
    // What clocks show twice is the later of the two; what they pass over is counted on from before the change.
    const int64_t before = local - OffsetSeconds(clock, local - kDaySeconds);
    const int64_t after = local - OffsetSeconds(clock, local + kDaySeconds);
    return after + OffsetSeconds(clock, after) == local ? after : before;
  };
  const int64_t local = sys_days(date).time_since_epoch().count() * int64_t{86'400} + civil->hour * 3'600 +
                        civil->minute * 60 + civil->second;
  const int64_t begin = to_utc(local);
  const int64_t seconds = civil->span / kSecond;
  return TimeSpan{.begin = {begin, civil->nanosecond},
                  .seconds = seconds < kDaySeconds ? seconds : to_utc(local + seconds) - begin,  // or 23, 25 hours
                  .nanoseconds = static_cast<uint32_t>(civil->span % kSecond)};
}

}  // namespace

Result<WireTime> ParseTime(std::string_view text, const Clock& clock) {
  ASSIGN_OR_RETURN(const TimeSpan span, ParseSpan(text, clock));
  return span.begin;
}

Result<WireTime> ParseEndOfTime(std::string_view text, const Clock& clock) {
  ASSIGN_OR_RETURN(const TimeSpan span, ParseSpan(text, clock));
  const int64_t nanoseconds = span.begin.nanoseconds + int64_t{span.nanoseconds} - 1;  // -1: the second before
  const bool is_before = nanoseconds < 0;
  return WireTime{span.begin.seconds + span.seconds - (is_before ? 1 : 0),
                  static_cast<uint32_t>(is_before ? nanoseconds + kSecond : nanoseconds)};
}

std::string FormatTime(const WireTime& time, int32_t offset_minutes) {
  using namespace std::chrono;
  // Beyond what a calendar type holds (years -32767 to 32767) the seconds themselves are shown.
  constexpr int64_t kSecondsMax = 11'000'000 * kDaySeconds;
  if (time.seconds > kSecondsMax || time.seconds < -kSecondsMax) return fmt::format("@{}", time.seconds);
  const int64_t local = time.seconds + offset_minutes * 60;
  int64_t days_count = local / 86'400;
  int64_t rest = local % 86'400;
  if (rest < 0) {
    rest += 86'400;
    --days_count;
  }
  const year_month_day date{sys_days(days(days_count))};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / 3'600,
                     rest / 60 % 60, rest % 60);
}

std::string FormatTimeThen(const WireTime& time, const Clock& clock) {
  return FormatTime(time, static_cast<int32_t>(OffsetSeconds(clock, time.seconds) / 60));
}

WireTime ToWireTime(UnixNs when) {
  int64_t seconds = when / kSecond;
  int64_t rest = when % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  return {seconds, static_cast<uint32_t>(rest)};
}

}  // namespace cairn
