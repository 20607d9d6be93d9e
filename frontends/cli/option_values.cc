#include "frontends/cli/option_values.h"

#include <algorithm>

#include "engine/env/clock.h"
#include "engine/repo/time_text.h"
#include "frontends/cli/text.h"

namespace cairn {
namespace {

constexpr size_t kTagBytesMax = 255;

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

Result<std::vector<std::string>> ParseTags(const std::string& list) {
  std::vector<std::string> tags = CLI::detail::split(list, ',');
  for (const std::string& tag : tags) {
    const bool is_plain = std::ranges::none_of(tag, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
    if (tag.empty() || !is_plain || tag.size() > kTagBytesMax) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "\"{}\": a tag has 1 to {} bytes, and no control characters; commas part tags", Printable(list),
                       kTagBytesMax);
    }
  }
  return tags;
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
