#include "frontends/config/values.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <optional>

#include "engine/jobs/retention.h"
#include "repo-format/tree_path.h"

namespace cairn {
namespace {

constexpr size_t kTagBytesMax = 255;

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// A whole number of at most nine digits.
std::optional<uint32_t> ParseNumber(std::string_view text) {
  uint32_t value = 0;
  if (text.empty() || text.size() > 9) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<uint64_t> ParseBytes(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  const auto bad = [&] {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no size: write for example 4096, 256M or 1.5G", text);
  };
  if (error != std::errc() || value < 0 || !std::isfinite(value)) return bad();
  if (unit.ends_with("iB")) unit.remove_suffix(2);
  if (unit.ends_with("B") || unit.ends_with("b")) unit.remove_suffix(1);
  double factor = 1;
  if (!unit.empty()) {
    const size_t power = std::string_view("KMGTP").find(static_cast<char>(std::toupper(unit.front())));
    if (unit.size() > 1 || power == std::string_view::npos) return bad();
    factor = std::pow(1024.0, static_cast<double>(power + 1));
  }
  if (value * factor > 9e18) return bad();
  return static_cast<uint64_t>(value * factor);
}

Result<std::vector<std::string>> ParseTags(const std::string& list) {
  std::vector<std::string> tags = Split(list, ',');
  for (const std::string& tag : tags) {
    const bool is_plain = std::ranges::none_of(tag, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; });
    if (tag.empty() || !is_plain || tag.size() > kTagBytesMax) {
      return MakeError(ErrorCode::kInvalidArgument,
                       "\"{}\": a tag has 1 to {} bytes, and no control characters; commas part tags",
                       PathForPeople(AsBytes(list)), kTagBytesMax);
    }
  }
  return tags;
}

Result<uint32_t> ParseKeepCount(const std::string& text) {
  if (text.empty()) return uint32_t{0};
  if (text == "unlimited" || text == "-1") return RetentionPolicy::kUnlimited;
  const auto value = ParseNumber(text);
  if (!value || *value > 1'000'000) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is neither a number nor \"unlimited\"", text);
  }
  return *value;
}

Result<PruneOptions> ParsePruneOptions(const std::string& max_unused, const std::string& max_repack_size) {
  PruneOptions options;
  const char* begin = max_unused.data();
  if (max_unused == "unlimited") {
    options.max_unused_bytes = UINT64_MAX;
  } else if (max_unused.ends_with("%")) {
    const char* end_expected = begin + max_unused.size() - 1;
    const auto [end, error] = std::from_chars(begin, end_expected, options.max_unused_percent);
    if (error != std::errc() || end != end_expected) {
      return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no limit: expected 5%, 1G or unlimited", max_unused);
    }
  } else if (!max_unused.empty()) {
    ASSIGN_OR_RETURN(options.max_unused_bytes, ParseBytes(max_unused));
  }
  if (!max_repack_size.empty()) {
    ASSIGN_OR_RETURN(options.max_repack_bytes, ParseBytes(max_repack_size));
  }
  return options;
}

Result<uint32_t> ParseTimeLimit(const std::string& text) {
  constexpr uint32_t kSecondsMax = 7 * 86'400;
  std::string_view digits = text;
  uint32_t factor = 1;
  if (!digits.empty()) {
    const char unit = digits.back();
    factor = unit == 'm' ? 60 : unit == 'h' ? 3600 : 1;
    if (unit == 's' || factor > 1) digits.remove_suffix(1);
  }
  const auto value = ParseNumber(digits);
  if (!value || *value == 0 || *value > kSecondsMax / factor) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no time limit: write for example 90s, 10m or 1h", text);
  }
  return *value * factor;
}

}  // namespace cairn
