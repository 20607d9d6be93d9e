#include "frontends/serve/conditions.h"

#include "engine/http/answer.h"
#include "engine/http/date.h"

namespace cairn::serve {
namespace {

constexpr std::string_view kSpaces = " \t";

std::string_view Trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

// Whether a list of tags names this one. `weak_too`: also where the list calls it weak.
bool Names(std::string_view list, std::string_view etag, bool weak_too) {
  while (!list.empty()) {
    const std::string_view rest = Trimmed(list);
    const size_t quote = rest.find('"');
    const size_t end = quote == std::string_view::npos ? quote : rest.find('"', quote + 1);
    const size_t comma = rest.find(',', end == std::string_view::npos ? 0 : end);
    std::string_view one = Trimmed(rest.substr(0, comma));
    if (one == "*") return true;
    if (weak_too && one.starts_with("W/")) one.remove_prefix(2);
    if (one == etag) return true;
    list = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  return false;
}

// In whole seconds, as both are written; false where it is no date.
bool IsNotAfter(const std::optional<UnixNs>& modified, std::string_view date) {
  constexpr UnixNs kSecond = 1'000'000'000;
  const auto when = http::ParseDate(date);
  return when && modified && *modified / kSecond <= *when / kSecond;
}

// 200: nothing stands against it.
unsigned Precondition(const Request& request, const Validators& file) {
  const std::string_view match = request.header("if-match"), since = request.header("if-unmodified-since");
  if (!match.empty()) {
    if (!Names(match, file.etag, false)) return 412;
  } else if (!since.empty() && file.modified && http::ParseDate(since) && !IsNotAfter(file.modified, since)) {
    return 412;
  }
  const std::string_view none = request.header("if-none-match"), modified = request.header("if-modified-since");
  if (!none.empty()) return Names(none, file.etag, true) ? 304 : 200;
  return !modified.empty() && IsNotAfter(file.modified, modified) ? 304 : 200;
}

struct Range {
  std::optional<uint64_t> first, last;  // as written: "-5" has no first
};
// Nothing where it is none that counts.
std::optional<Range> ParseRange(std::string_view header) {
  constexpr std::string_view kUnit = "bytes=";
  if (!header.starts_with(kUnit)) return std::nullopt;
  const std::string_view text = Trimmed(header.substr(kUnit.size()));
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view first = Trimmed(text.substr(0, dash)), last = Trimmed(text.substr(dash + 1));
  Range range{http::ParseNumber(first), http::ParseNumber(last)};
  if ((!first.empty() && !range.first) || (!last.empty() && !range.last)) return std::nullopt;
  if (!range.first && !range.last) return std::nullopt;
  if (range.first && range.last && *range.first > *range.last) return std::nullopt;
  return range;
}

}  // namespace

Choice Choose(const Request& request, const Validators& file, uint64_t size) {
  const Choice whole{.status = 200, .offset = 0, .size = size};
  if (const unsigned status = Precondition(request, file); status != 200) return {.status = status};
  const auto range = ParseRange(request.header("range"));
  const std::string_view since = request.header("if-range");
  if (!range || request.method != "GET" || (!since.empty() && since != file.etag)) return whole;
  if (!range->first) {
    const uint64_t count = std::min(*range->last, size);
    if (count == 0) return {.status = 416};
    return {.status = 206, .offset = size - count, .size = count};
  }
  if (*range->first >= size) return {.status = 416};
  const uint64_t last = std::min(range->last.value_or(size - 1), size - 1);
  return {.status = 206, .offset = *range->first, .size = last - *range->first + 1};
}

}  // namespace cairn::serve
