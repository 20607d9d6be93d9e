#include "frontends/config/schedule.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "repo-format/tree_path.h"

namespace cairn {
namespace {

struct CronField {
  const char* name;
  uint32_t least, most;
  std::string_view words;  // of three letters each, from `least` on
};
constexpr std::array kCronFields = {CronField{"minute", 0, 59, ""}, CronField{"hour", 0, 23, ""},
                                    CronField{"day of the month", 1, 31, ""},
                                    CronField{"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
                                    CronField{"day of the week", 0, 7, "sunmontuewedthufrisat"}};
constexpr size_t kDayField = 2, kMonthField = 3, kWeekdayField = 4;

// Which values a field allows, by their bits.
using Allowed = uint64_t;

std::optional<uint32_t> ParseNumber(std::string_view text) {
  uint32_t value = 0;
  if (text.empty() || text.size() > 3) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<uint32_t> CronValue(const CronField& field, std::string_view text) {
  if (const auto number = ParseNumber(text)) {
    return *number >= field.least && *number <= field.most ? number : std::nullopt;
  }
  if (text.size() != 3) return std::nullopt;
  std::string word(text);
  for (char& c : word) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const size_t at = field.words.find(word);
  if (at == std::string_view::npos || at % 3 != 0) return std::nullopt;
  return field.least + static_cast<uint32_t>(at / 3);
}

// One part between commas: "*", "5", "1-5", "*/2", "1-5/2". Not "5/2": some take it for 5, and others for 5, 7, 9 ...
std::optional<Allowed> ReadPart(const CronField& field, std::string_view part) {
  uint32_t step = 1;
  const size_t slash = part.find('/');
  if (slash != std::string_view::npos) {
    const auto given = ParseNumber(part.substr(slash + 1));
    if (!given || *given == 0 || *given > field.most) return std::nullopt;
    step = *given;
    part = part.substr(0, slash);
  }
  uint32_t first = field.least, last = field.most;
  if (part != "*") {
    const size_t dash = part.find('-');
    if (dash == std::string_view::npos && slash != std::string_view::npos) return std::nullopt;
    const auto from = CronValue(field, part.substr(0, dash));
    auto to = dash == std::string_view::npos ? from : CronValue(field, part.substr(dash + 1));
    const bool ends_on_sunday =
        &field == &kCronFields[kWeekdayField] && to == uint32_t{0} && dash != std::string_view::npos;
    if (ends_on_sunday) to = 7;  // "sat-sun"
    if (!from || !to || *from > *to) return std::nullopt;
    first = *from;
    last = *to;
  }
  Allowed allowed = 0;
  for (uint32_t value = first; value <= last; value += step) allowed |= Allowed{1} << value;
  return allowed;
}

std::vector<std::string_view> Split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find_first_of(separators);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<Allowed> ReadField(const CronField& field, std::string_view text) {
  Allowed allowed = 0;
  for (const std::string_view part : Split(text, ",")) {
    const auto of_part = ReadPart(field, part);
    if (!of_part) return std::nullopt;
    allowed |= *of_part;
  }
  return allowed;
}

// The 31st of February and its like: a schedule that never comes.
bool HasADate(Allowed days, Allowed months) {
  constexpr std::array<uint32_t, 12> kDays = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  for (uint32_t month = 1; month <= kDays.size(); ++month) {
    if ((months >> month & 1) == 0) continue;
    for (uint32_t day = 1; day <= kDays[month - 1]; ++day) {
      if ((days >> day & 1) != 0) return true;
    }
  }
  return false;
}

std::string ZoneFolder() {
  const char* folder = std::getenv("TZDIR");
  return folder != nullptr && *folder == '/' ? folder : "/usr/share/zoneinfo";
}

// Nothing but a file below the folder can be named by it.
bool IsZoneName(std::string_view name) {
  constexpr size_t kNameBytesMax = 100;
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '+';
  };
  if (name.empty() || name.size() > kNameBytesMax) return false;
  return std::ranges::all_of(Split(name, "/"), [&](std::string_view part) {
    return !part.empty() && part.front() != '-' && std::ranges::all_of(part, is_letter);
  });
}

}  // namespace

Result<void> CheckSchedule(const std::string& text) {
  for (const char* word : {"@hourly", "@daily", "@weekly", "@monthly", "@yearly"}) {
    if (text == word) return {};
  }
  std::vector<std::string_view> fields = Split(text, " \t");
  std::erase(fields, std::string_view());
  if (fields.size() != kCronFields.size()) {
    return MakeError(ErrorCode::kInvalidArgument,
                     "\"{}\" is no schedule: write minute, hour, day of the month, month, day of the week, as in "
                     "\"0 2 * * *\", or @hourly, @daily, @weekly, @monthly, @yearly",
                     PathForPeople(AsBytes(text)));
  }
  std::array<Allowed, kCronFields.size()> allowed{};
  for (size_t i = 0; i < fields.size(); ++i) {
    const CronField& field = kCronFields[i];
    const auto read = ReadField(field, fields[i]);
    if (!read) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "\"{}\": {} is \"{}\", expected {} to {}, with *, lists, ranges and steps (*/2, 1-9/2)",
                       PathForPeople(AsBytes(text)), field.name, PathForPeople(AsBytes(fields[i])), field.least,
                       field.most);
    }
    allowed[i] = *read;
  }
  const bool is_any_weekday = fields[kWeekdayField].starts_with("*");
  if (!is_any_weekday || HasADate(allowed[kDayField], allowed[kMonthField])) return {};
  return MakeError(ErrorCode::kInvalidArgument, "\"{}\": no year has such a day", text);
}

Result<void> CheckTimeZone(const std::string& name, const std::string& folder) {
  if (name == "UTC") return {};
  const std::string zones = folder.empty() ? ZoneFolder() : folder;
  struct stat status{};
  const bool is_known =
      IsZoneName(name) && ::stat((zones + "/" + name).c_str(), &status) == 0 && S_ISREG(status.st_mode);
  if (is_known) return {};
  return MakeError(ErrorCode::kInvalidArgument,
                   "\"{}\" is no time zone that this machine knows: write UTC, or a name of {} as Europe/Berlin (where "
                   "there is none, the package tzdata is missing)",
                   PathForPeople(AsBytes(name)), zones);
}

}  // namespace cairn
