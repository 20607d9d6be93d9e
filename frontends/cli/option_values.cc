#include "frontends/cli/option_values.h"

#include <algorithm>

#include "engine/env/clock.h"
#include "engine/repo/time_text.h"
#include "frontends/cli/text.h"
#include "frontends/config/values.h"

namespace cairn {

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
