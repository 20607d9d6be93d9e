#include "frontends/cli/import_zone.h"

#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <filesystem>

namespace cairn {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// "+01:00", "-0330", "+1" as POSIX has it: with the sign the other way round.
Result<std::string> ParseOffset(const std::string& text) {
  std::string digits;
  for (const char c : text.substr(1)) {
    if (IsDigit(c)) digits.push_back(c);
    if (!IsDigit(c) && c != ':') digits = "none";
  }
  if (digits.size() == 1) digits = "0" + digits;
  if (digits.size() == 2) digits += "00";
  const bool is_offset = digits.size() == 4 && std::ranges::all_of(digits, IsDigit) && digits.substr(0, 2) <= "14" &&
                         digits.substr(2) <= "59";
  if (!is_offset) return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no offset: write +01:00", text);
  const std::string clock = digits.substr(0, 2) + ":" + digits.substr(2);
  return fmt::format("<{}{}>{}{}", text.front(), digits, text.front() == '+' ? '-' : '+', clock);
}

}  // namespace

Result<std::string> ParseZone(const std::string& text) {
  if (text == "UTC" || text == "Z") return std::string("UTC0");
  if (text.size() > 1 && (text.front() == '+' || text.front() == '-')) return ParseOffset(text);
  const char* folder = ::getenv("TZDIR");
  const std::filesystem::path root = folder != nullptr && *folder != 0 ? folder : "/usr/share/zoneinfo";
  std::error_code error;
  const bool is_plain = !text.empty() && text.front() != '/' && text.find("..") == std::string::npos;
  if (is_plain && std::filesystem::is_regular_file(root / text, error)) return text;
  return MakeError(ErrorCode::kInvalidArgument,
                   "\"{}\" is no zone that this machine knows: write Europe/Berlin, UTC, "
                   "or +01:00",
                   text);
}

void UseZone(const std::string& parsed) {
  ::setenv("TZ", parsed.c_str(), 1);
  ::tzset();
}

}  // namespace cairn
