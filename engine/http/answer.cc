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

Result<void> NeedTag(const Response& response, std::string_view what) {
  if (!response.header("etag").empty()) return {};
  return MakeError(ErrorCode::kIo, "{}: the answer ({}) is not that of a store: it has no ETag", what, response.status)
      .Transient();
}

namespace {

struct ContentRange {
  uint64_t first = 0, last = 0, total = 0;
};

// "bytes 0-9/100"; nothing where it is not of this form.
std::optional<ContentRange> RangeOf(const Response& response) {
  std::string_view text = response.header("content-range");
  constexpr std::string_view kUnit = "bytes ";
  if (!text.starts_with(kUnit)) return std::nullopt;
  text.remove_prefix(kUnit.size());
  const size_t dash = text.find('-'), slash = text.find('/');
  if (dash == std::string_view::npos || slash == std::string_view::npos || dash > slash) return std::nullopt;
  const auto first = ParseNumber(text.substr(0, dash)), last = ParseNumber(text.substr(dash + 1, slash - dash - 1)),
             total = ParseNumber(text.substr(slash + 1));
  if (!first || !last || !total || *first > *last || *last >= *total) return std::nullopt;
  return ContentRange{*first, *last, *total};
}

}  // namespace

Result<Bytes> PartOf(Response response, uint64_t offset, uint64_t size, std::string_view what) {
  const auto range = RangeOf(response);
  if (!range || range->first != offset) {
    return MakeError(ErrorCode::kIo, "{}: the server answered another range than the {} bytes from {}", what, size,
                     offset)
        .Transient();
  }
  if (range->total - offset < size) {
    return Corrupt("{} has {} bytes, {} from {} were asked for", what, range->total, size, offset);
  }
  if (response.body.size() == size) return std::move(response.body);
  return MakeError(ErrorCode::kIo, "{}: {} of {} bytes came", what, response.body.size(), size).Transient();
}

}  // namespace cairn::http
