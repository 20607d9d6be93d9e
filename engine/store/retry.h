// Trying again what may work the next time.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <stop_token>

#include "engine/env/clock.h"
#include "engine/env/random.h"
#include "repo-format/base/result.h"

namespace cairn {

// Told before each pause: what went wrong, and how long it takes until the next try. Any thread.
using RetryNotice = std::function<void(const Error& error, std::chrono::nanoseconds pause)>;

struct RetryOptions {
  unsigned tries_max = 8;  // of a server that has not answered anything yet: is its address right at all?
  std::chrono::nanoseconds delay_first = std::chrono::milliseconds(500);  // doubles with each try
  std::chrono::nanoseconds delay_max = std::chrono::seconds(60);
  std::chrono::nanoseconds time_max = std::chrono::minutes(15);  // no try begins later than this after the first
  RetryNotice notice = {};                                       // may be empty
};

// Repeats calls of one server that failed with a transient Error, after a delay of which a random part of up to one
// half is left out, so that many clients of a server that comes back do not ask all at once. Other errors are passed
// on. When tries or time are used up the last error says so, and until something is answered again each further call is
// tried once; kInterrupted where stop is asked for during a delay.
//
// Safe for concurrent use; borrows the clock and the randomness.
class Retry {
 public:
  Retry(const Clock& clock, const Random& random, std::stop_token stop, const RetryOptions& options);

  // Calls `call`, which returns a Result, until it is final.
  template <class Call>
  auto Repeat(const Call& call) -> decltype(call()) {
    const auto begin = clock_.Steady();
    for (unsigned tries = 1;; ++tries) {
      auto result = call();
      if (result || !result.error().transient()) {
        server_ = Server::kAnswers;
        return result;
      }
      RETURN_IF_ERROR(WaitForNextTry(result.error(), tries, begin));
    }
  }

  // The server wants to be left alone so long, but for calls that are under way: no call is tried again before, or
  // before delay_max is over.
  void HoldOff(std::chrono::nanoseconds span);

 private:
  enum class Server : uint8_t { kUnknown, kAnswers, kGone };

  // Nothing where another try may begin now; else the error to return.
  Result<void> WaitForNextTry(const Error& error, unsigned tries, std::chrono::nanoseconds begin);
  bool MayTryAgain(unsigned tries, std::chrono::nanoseconds since) const;
  std::chrono::nanoseconds DelayAfter(unsigned tries) const;
  std::chrono::nanoseconds HeldOff() const;  // from now on

  const Clock& clock_;
  const Random& random_;
  const std::stop_token stop_;
  const RetryOptions options_;
  std::atomic<Server> server_ = Server::kUnknown;
  std::atomic<std::chrono::nanoseconds> held_off_until_{std::chrono::nanoseconds::min()};  // by the steady clock
};

}  // namespace cairn
