#include "engine/http/answer.h"

#include <charconv>

#include "engine/http/date.h"

namespace cairn::http {

std::string OneLine(std::string_view text) {
  constexpr size_t kBytesMax = 300;
  std::string line(text.substr(0, kBytesMax));
  for (char& c : line) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<Extent> ExtentOf(const Response& response, std::string_view what) {
  const auto size = ParseNumber(response.header("content-length"));
  if (!size) return MakeError(ErrorCode::kIo, "{}: the server does not say how long it is", what);
  const auto modified = ParseDate(response.header("last-modified"));
  return Extent{.size = *size, .modified = modified ? *modified : 0};
}

}  // namespace cairn::http
