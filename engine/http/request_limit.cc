#include "engine/http/request_limit.h"

#include <algorithm>

#include "engine/http/answer.h"
#include "repo-format/base/check.h"

namespace cairn::http {

Result<RequestRate> RequestRate::Parse(std::string_view text) {
  constexpr uint64_t kRequestsMax = 100'000, kDay = 86'400;
  const size_t slash = text.find('/');
  const auto count = ParseNumber(text.substr(0, slash));
  const std::string_view span = slash == std::string_view::npos ? std::string_view() : text.substr(slash + 1);
  const auto number = span.empty() ? std::nullopt : ParseNumber(span.substr(0, span.size() - 1));
  const uint64_t unit = span.ends_with('s') ? 1 : span.ends_with('m') ? 60 : span.ends_with('h') ? 3'600 : 0;
  if (!count || *count == 0 || *count > kRequestsMax || !number || *number == 0 || *number > kDay || unit == 0 ||
      *number * unit > kDay) {
    return MakeError(ErrorCode::kInvalidArgument, "\"{}\" is no rate of requests: 600/30m, for example", text);
  }
  return RequestRate{.requests = static_cast<unsigned>(*count), .span = std::chrono::seconds(*number * unit)};
}

RequestLimit::RequestLimit(const RequestRate& rate, const Clock& clock, std::stop_token stop, Notice notice)
    : rate_(rate), clock_(clock), stop_(std::move(stop)), notice_(std::move(notice)) {
  CHECK(rate_.requests > 0 && rate_.span.count() > 0);
}

Result<void> RequestLimit::Wait() {
  std::chrono::nanoseconds wait{0};
  {
    const std::lock_guard lock(mutex_);
    const auto now = clock_.Steady();
    auto begin = now;
    if (begins_.size() == rate_.requests) {
      begin = std::max(begin, begins_.front() + rate_.span);
      begins_.pop_front();
    }
    begins_.push_back(begin);
    wait = begin - now;
  }
  if (wait.count() <= 0) return {};
  if (wait >= std::chrono::seconds(1) && notice_) notice_(rate_, wait);
  if (clock_.Sleep(wait, stop_)) return {};
  return Error(ErrorCode::kInterrupted, "interrupted while waiting until the server allows another request");
}

}  // namespace cairn::http
