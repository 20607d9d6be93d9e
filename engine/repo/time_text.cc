#include "engine/repo/time_text.h"

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

struct CivilTime {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::optional<int> offset_minutes;
};

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
    if (TakeChar(text, ":")) {
      const auto second = TakeNumber(text, 2);
      if (!second) return std::nullopt;
      time.second = *second;
    }
    if (!text.empty() && !TakeOffset(text, time)) return std::nullopt;
  }
  const bool in_range = time.hour <= 23 && time.minute <= 59 && time.second <= 59;
  if (!text.empty() || !in_range) return std::nullopt;
  return time;
}

}  // namespace

Result<WireTime> ParseTime(std::string_view text, const Clock& clock) {
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
  const int64_t local = sys_days(date).time_since_epoch().count() * int64_t{86'400} + civil->hour * 3'600 +
                        civil->minute * 60 + civil->second;
  constexpr int64_t kSecond = 1'000'000'000;
  if (civil->offset_minutes) return WireTime{local - *civil->offset_minutes * 60, 0};
  // The offset in force at that local time: asked twice, for the first guess may lie across a change.
  int64_t utc = local - clock.OffsetMinutes(local * kSecond) * 60;
  utc = local - clock.OffsetMinutes(utc * kSecond) * 60;
  return WireTime{utc, 0};
}

std::string FormatTime(const WireTime& time, int32_t offset_minutes) {
  using namespace std::chrono;
  const int64_t local = time.seconds + offset_minutes * 60;
  int64_t days_count = local / 86'400;
  int64_t rest = local % 86'400;
  if (rest < 0) {
    rest += 86'400;
    --days_count;
  }
  // Beyond what a calendar type holds (years -32767 to 32767) the seconds themselves are shown.
  constexpr int64_t kDaysMax = 11'000'000;
  if (days_count > kDaysMax || days_count < -kDaysMax) return fmt::format("@{}", time.seconds);
  const year_month_day date{sys_days(days(days_count))};
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / 3'600,
                     rest / 60 % 60, rest % 60);
}

WireTime ToWireTime(UnixNs when) {
  constexpr int64_t kSecond = 1'000'000'000;
  int64_t seconds = when / kSecond;
  int64_t rest = when % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  return {seconds, static_cast<uint32_t>(rest)};
}

}  // namespace cairn
