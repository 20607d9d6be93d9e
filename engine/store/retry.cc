#include "engine/store/retry.h"

#include <algorithm>
#include <utility>

#include "repo-format/base/check.h"

namespace cairn {

Retry::Retry(const Clock& clock, const Random& random, std::stop_token stop, const RetryOptions& options)
    : clock_(clock), random_(random), stop_(std::move(stop)), options_(options) {
  CHECK(options_.tries_max > 0 && options_.delay_first.count() > 0);
}

std::chrono::nanoseconds Retry::DelayAfter(unsigned tries) const {
  std::chrono::nanoseconds delay = options_.delay_first;
  for (unsigned n = 1; n < tries && delay < options_.delay_max; ++n) delay *= 2;
  delay = std::min(delay, options_.delay_max);
  delay -= std::chrono::nanoseconds(random_.Below(static_cast<uint64_t>(delay.count()) / 2 + 1));
  return delay;
}

void Retry::HoldOff(std::chrono::nanoseconds span) {
  held_off_until_ = clock_.Steady() + std::min(span, options_.delay_max);
}

std::chrono::nanoseconds Retry::HeldOff() const {
  const auto until = held_off_until_.load(), now = clock_.Steady();
  return until <= now ? std::chrono::nanoseconds(0) : until - now;
}

// `since`: how long after the first one the next try would begin.
bool Retry::MayTryAgain(unsigned tries, std::chrono::nanoseconds since) const {
  switch (server_.load()) {
    case Server::kUnknown:
      return tries < options_.tries_max && since <= options_.time_max;
    case Server::kAnswers:
      return since <= options_.time_max;
    case Server::kGone:
      return false;
  }
  return false;
}

Result<void> Retry::WaitForNextTry(const Error& error, unsigned tries, std::chrono::nanoseconds begin) {
  const auto delay = std::max(DelayAfter(tries), HeldOff());
  if (!MayTryAgain(tries, clock_.Steady() + delay - begin)) {
    server_ = Server::kGone;
    return Error(error).While(fmt::format("given up after {} {}", tries, tries == 1 ? "try" : "tries"));
  }
  if (options_.notice) options_.notice(error, delay);
  if (clock_.Sleep(delay, stop_)) return {};
  return MakeError(ErrorCode::kInterrupted, "interrupted while waiting to try again: {}", error.message());
}

}  // namespace cairn
