#include "frontends/cli/option_values.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "engine/env/clock.h"
#include "engine/repo/time_text.h"
#include "frontends/cli/text.h"
#include "frontends/config/values.h"

namespace cairn {
namespace {

struct AgeUnit {
  std::string_view name;
  uint32_t seconds;
};
constexpr std::array<AgeUnit, 4> kAgeUnits = {{{"w", 7 * 86'400}, {"d", 86'400}, {"h", 3'600}, {"s", 1}}};

}  // namespace

CLI::Validator SizeValue(uint64_t least) {
  return ValueOf([least](const std::string& text) -> Result<uint64_t> {
    ASSIGN_OR_RETURN(const uint64_t bytes, ParseBytes(text));
    if (bytes >= least) return bytes;
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is too little: {} are needed", text, HumanBytes(least));
  });
}

CLI::Validator TimeValue() {
  return ValueOf([](const std::string& text) { return ParseTime(text, SystemClock()); });
}

Result<uint32_t> ParseAge(const std::string& text) {
  uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  if (error == std::errc() && count == 0 && unit.empty()) return 0;
  const auto found = std::ranges::find(kAgeUnits, unit, &AgeUnit::name);
  if (error == std::errc() && found != kAgeUnits.end() && count <= UINT32_MAX / found->seconds) {
    return count * found->seconds;
  }
  return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no age: 14d, 36h, 2w, 90s, or 0", Printable(text));
}

std::string AgeText(uint32_t seconds) {
  for (const AgeUnit& unit : kAgeUnits) {
    // A week of days is read more easily as days.
    if (unit.name != "w" && seconds % unit.seconds == 0) return fmt::format("{}{}", seconds / unit.seconds, unit.name);
  }
  return fmt::format("{}s", seconds);
}

CLI::Validator AgeValue() { return ValueOf(ParseAge); }

CLI::Validator TagsValue() { return ValueOf(ParseTags); }

std::vector<std::string> AllTags(const std::vector<std::string>& lists) {
  std::vector<std::string> all;
  for (const std::string& list : lists) {
    for (std::string& tag : CLI::detail::split(list, ',')) {
      all.push_back(std::move(tag));
    }
  }
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

}  // namespace cairn
