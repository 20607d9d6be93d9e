#include "frontends/import/backup_name.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <vector>

#include "repo-format/base/result.h"

namespace cairn::import {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Walks a name; every Take leaves it where it was where there is not what is asked for.
struct NameReader {
  std::string_view text;
  size_t at;

  bool TakeOneOf(std::string_view chars) {
    if (at >= text.size() || chars.find(text[at]) == std::string_view::npos) return false;
    ++at;
    return true;
  }
  std::optional<int> TakeNumber(size_t digits, int low, int high) {
    if (at + digits > text.size()) return std::nullopt;
    int value = 0;
    for (size_t i = 0; i < digits; ++i) {
      if (!IsDigit(text[at + i])) return std::nullopt;
      value = value * 10 + (text[at + i] - '0');
    }
    if (value < low || value > high) return std::nullopt;
    at += digits;
    return value;
  }
  bool is_before_digit() const { return at < text.size() && IsDigit(text[at]); }
};

struct Found {
  size_t begin = 0, end = 0;
  WrittenTime time;
};

// "Z", "_UTC", or, where the time is written as ISO 8601 does, "+05:30" and "-0800": as ParseTime reads it.
std::optional<std::string> TakeZone(NameReader& reader, bool is_iso) {
  if (reader.TakeOneOf("Z")) return "Z";
  if (reader.text.substr(reader.at).starts_with("_UTC")) {
    const std::string_view behind = reader.text.substr(reader.at + 4);
    if (behind.empty() || std::string_view("._- ").find(behind.front()) != std::string_view::npos) {
      reader.at += 4;
      return "Z";
    }
  }
  NameReader zone = reader;
  const size_t sign = zone.at;
  if (!is_iso || !zone.TakeOneOf("+-")) return std::nullopt;
  const auto hours = zone.TakeNumber(2, 0, 14);
  if (hours) zone.TakeOneOf(":");
  const auto minutes = hours ? zone.TakeNumber(2, 0, 59) : std::nullopt;
  if (!minutes || zone.is_before_digit()) return std::nullopt;
  reader = zone;
  return fmt::format("{}{:02}:{:02}", reader.text[sign], *hours, *minutes);
}

// What follows the seconds. A fraction without a zone is of thousandths, as toISOString writes them: other numbers may
// count files.
std::string TakeRest(NameReader& reader, bool has_seconds, bool is_iso) {
  NameReader fraction = reader;
  if (has_seconds && fraction.TakeOneOf("-.") && fraction.is_before_digit()) {
    const size_t begin = fraction.at;
    while (fraction.is_before_digit()) ++fraction.at;
    const size_t digits = fraction.at - begin;
    const auto zone = digits <= 9 ? TakeZone(fraction, is_iso) : std::nullopt;
    if (zone || digits == 3) {
      reader = fraction;
      return zone.value_or("");
    }
  }
  return TakeZone(reader, is_iso).value_or("");
}

std::optional<std::string> TakeClock(NameReader& reader) {
  const size_t begin = reader.at;
  reader.TakeOneOf("T_- .@");
  const auto hour = reader.TakeNumber(2, 0, 23);
  const bool has_mark = hour && reader.TakeOneOf("-_:.h");
  const auto minute = hour ? reader.TakeNumber(2, 0, 59) : std::nullopt;
  if (!minute) {
    reader.at = begin;
    return std::nullopt;
  }
  int second = 0;
  bool has_seconds = false;
  const size_t behind_minute = reader.at;
  if (!has_mark || reader.TakeOneOf("-_:.m")) {
    const auto seconds = reader.TakeNumber(2, 0, 59);
    if (!seconds) reader.at = behind_minute;
    has_seconds = seconds.has_value();
    second = seconds.value_or(0);
  }
  if (reader.is_before_digit()) {  // another number
    reader.at = begin;
    return std::nullopt;
  }
  std::string text = fmt::format("T{:02}:{:02}:{:02}", *hour, *minute, second);
  return text + TakeRest(reader, has_seconds, has_seconds && reader.text[begin] == 'T');
}

std::optional<Found> FindTimeAt(std::string_view text, size_t begin) {
  NameReader reader{text, begin};
  const auto year = reader.TakeNumber(4, 1970, 2200);
  if (!year) return std::nullopt;
  const bool has_mark = reader.TakeOneOf("-_.");
  const auto month = reader.TakeNumber(2, 1, 12);
  if (!month || reader.TakeOneOf("-_.") != has_mark) return std::nullopt;
  const auto day = reader.TakeNumber(2, 1, 31);
  using namespace std::chrono;
  if (!day || !year_month_day(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                              std::chrono::day(static_cast<unsigned>(*day)))
                   .ok()) {
    return std::nullopt;
  }
  const auto clock = TakeClock(reader);
  if (!clock && reader.is_before_digit()) return std::nullopt;
  return Found{begin, reader.at, fmt::format("{:04}-{:02}-{:02}{}", *year, *month, *day, clock.value_or(""))};
}

// The last one: "report_2025-01-01_to_..., made 20260101".
std::optional<Found> FindTime(std::string_view text) {
  std::optional<Found> last;
  for (size_t begin = 0; begin < text.size(); ++begin) {
    if (begin > 0 && IsDigit(text[begin - 1])) continue;
    auto found = FindTimeAt(text, begin);
    if (!found) continue;
    begin = found->end - 1;
    last = std::move(found);
  }
  return last;
}

std::string WithoutCompression(std::string name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kEndings = {{{".gz", ""},
                                                                                       {".gzip", ""},
                                                                                       {".zst", ""},
                                                                                       {".zstd", ""},
                                                                                       {".xz", ""},
                                                                                       {".bz2", ""},
                                                                                       {".bz", ""},
                                                                                       {".tgz", ".tar"},
                                                                                       {".tzst", ".tar"},
                                                                                       {".txz", ".tar"},
                                                                                       {".tbz2", ".tar"},
                                                                                       {".tbz", ".tar"},
                                                                                       {".Z", ""}}};
  for (bool again = true; again;) {
    again = false;
    for (const auto& [ending, instead] : kEndings) {
      if (!name.ends_with(ending) || name.find_first_not_of('.') + ending.size() >= name.size()) continue;
      name.replace(name.size() - ending.size(), ending.size(), instead);
      again = instead.empty();
      break;
    }
  }
  return name;
}

// With one mark where a time stood between two.
std::string WithoutTime(std::string_view name, const Found& found) {
  constexpr std::string_view kMarks = "_-. ";
  std::string before(name.substr(0, found.begin)), behind(name.substr(found.end));
  while (!before.empty() && kMarks.find(before.back()) != std::string_view::npos) before.pop_back();
  if (before.empty()) {
    while (!behind.empty() && behind.front() != '.' && kMarks.find(behind.front()) != std::string_view::npos) {
      behind.erase(0, 1);
    }
    if (behind.empty() || behind.front() == '.') before = "backup";
  }
  return before + behind;
}

}  // namespace

BackupName ReadBackupName(const std::string& path) {
  std::vector<std::string_view> parts;
  for (std::string_view rest = path; !rest.empty();) {
    const size_t end = std::min(rest.find('/'), rest.size());
    if (end > 0) parts.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  BackupName result;
  if (parts.empty()) return result;
  std::string name(parts.back());
  parts.pop_back();
  if (const auto found = FindTime(name)) {
    result.time = found->time;
    name = WithoutTime(name, *found);
  }
  std::string folders;
  std::optional<WrittenTime> folder_time;
  for (const std::string_view part : parts) {
    const auto found = FindTimeAt(part, 0);
    if (found && found->end == part.size()) {
      folder_time = found->time;
    } else {
      folders += "/" + std::string(part);
    }
  }
  if (!result.time) result.time = folder_time;
  result.series = folders + "/" + WithoutCompression(name);
  return result;
}

std::string FileNameOfSeries(const std::string& series) { return series.substr(series.rfind('/') + 1); }

}  // namespace cairn::import
