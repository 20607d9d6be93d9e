#include "engine/http/date.h"

#include <array>
#include <charconv>
#include <chrono>
#include <optional>

namespace cairn::http {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// A number of exactly `digits` digits at `at`.
std::optional<int> Number(std::string_view text, size_t at, size_t digits) {
  if (at + digits > text.size()) return std::nullopt;
  int value = 0;
  const char* end = text.data() + at + digits;
  const auto [stopped, error] = std::from_chars(text.data() + at, end, value);
  if (error != std::errc() || stopped != end || value < 0) return std::nullopt;
  return value;
}

std::optional<UnixNs> FromParts(std::optional<int> year, std::optional<int> month, std::optional<int> day,
                                std::string_view time) {
  using namespace std::chrono;
  const auto hour = Number(time, 0, 2), minute = Number(time, 3, 2), second = Number(time, 6, 2);
  if (!year || !month || !day || !hour || !minute || !second || time[2] != ':' || time[5] != ':') return std::nullopt;
  const year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                            std::chrono::day(static_cast<unsigned>(*day))};
  constexpr int kYearMax = 2200;  // what fits into nanoseconds of 64 bits
  if (!date.ok() || *year < 1970 || *year > kYearMax || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const auto since = sys_days(date).time_since_epoch() + hours(*hour) + minutes(*minute) + seconds(*second);
  return duration_cast<nanoseconds>(since).count();
}

std::optional<UnixNs> FromHttp(std::string_view text) {
  if (text.size() != 29 || text.substr(25) != " GMT" || text.substr(3, 2) != ", ") return std::nullopt;
  std::optional<int> month;
  for (size_t i = 0; i < kMonths.size(); ++i) {
    if (text.substr(8, 3) == kMonths[i]) month = static_cast<int>(i) + 1;
  }
  return FromParts(Number(text, 12, 4), month, Number(text, 5, 2), text.substr(17, 8));
}

std::optional<UnixNs> FromIso(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text.back() != 'Z')
    return std::nullopt;
  return FromParts(Number(text, 0, 4), Number(text, 5, 2), Number(text, 8, 2), text.substr(11, 8));
}

}  // namespace

Result<UnixNs> ParseDate(std::string_view text) {
  if (const auto when = FromHttp(text)) return *when;
  if (const auto when = FromIso(text)) return *when;
  return Corrupt("\"{}\" is no date that a web store writes", text.substr(0, 64));
}

std::string FormatDate(UnixNs when) {
  using namespace std::chrono;
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  const auto since = floor<seconds>(sys_time<nanoseconds>(nanoseconds(when)));
  const auto day = floor<days>(since);
  const year_month_day date(day);
  const hh_mm_ss time(since - day);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
                     time.seconds().count());
}

}  // namespace cairn::http
