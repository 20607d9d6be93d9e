#include "engine/env/zone_name.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace cairn {
namespace {

constexpr std::string_view kDatabase = "zoneinfo/";
constexpr size_t kNameCharsMax = 64;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameChar(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || IsDigit(c) || c == '/' || c == '_' || c == '+' || c == '-';
}

// Every POSIX rule has a digit; of the names without a region only these have one.
bool IsRule(std::string_view text) {
  constexpr std::array<std::string_view, 7> kNames = {"EST5EDT", "CST6CDT", "MST7MDT", "PST8PDT",
                                                      "GMT0",    "GMT+0",   "GMT-0"};
  if (text.find('/') != std::string_view::npos) return false;
  return std::ranges::any_of(text, IsDigit) && std::ranges::find(kNames, text) == kNames.end();
}

std::string NameOrNothing(std::string_view text) {
  const bool fits = !text.empty() && text.size() <= kNameCharsMax && text.front() != '/' && text.back() != '/';
  if (!fits || !std::ranges::all_of(text, IsNameChar) || IsRule(text)) return "";
  return std::string(text);
}

// "/usr/share/zoneinfo/posix/Asia/Tokyo" names Asia/Tokyo.
std::string NameInPath(std::string_view path) {
  const size_t place = path.rfind(kDatabase);
  if (place == std::string_view::npos) return "";
  std::string_view name = path.substr(place + kDatabase.size());
  for (const std::string_view variant : {"posix/", "right/"}) {
    if (name.starts_with(variant)) name.remove_prefix(variant.size());
  }
  return NameOrNothing(name);
}

std::string NameInFile(std::string_view text) {
  const size_t end = text.find_first_of(" \t\r\n");
  return NameOrNothing(text.substr(0, end));
}

std::string NameOfSystem(const ZoneSources& sources) {
  std::string name = NameInPath(sources.localtime_target);
  return name.empty() ? NameInFile(sources.timezone_file) : name;
}

}  // namespace

std::string ZoneNameFrom(const ZoneSources& sources) {
  if (!sources.variable) return NameOfSystem(sources);
  std::string_view text = *sources.variable;
  if (text.starts_with(':')) text.remove_prefix(1);
  if (text.empty()) return "UTC";
  if (text == "/etc/localtime") return NameOfSystem(sources);
  return text.front() == '/' ? NameInPath(text) : NameOrNothing(text);
}

}  // namespace cairn
