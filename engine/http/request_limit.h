// How many requests a server allows.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string_view>

#include "engine/env/clock.h"
#include "repo-format/base/result.h"

namespace cairn::http {

struct RequestRate {
  unsigned requests = 0;
  std::chrono::seconds span{0};

  // Of "600/30m": s, m or h, up to a day; up to 100,000 requests. kInvalidArgument else.
  static Result<RequestRate> Parse(std::string_view text);
};

// Lets no more requests begin within any span of time than the rate has. It knows of those of this process only. Safe
// for concurrent use; borrows the clock. In memory: 8 bytes for each request of the rate.
class RequestLimit {
 public:
  // Told before each wait of a second or more, with how long it takes; any thread.
  using Notice = std::function<void(const RequestRate& rate, std::chrono::nanoseconds wait)>;

  RequestLimit(const RequestRate& rate, const Clock& clock, std::stop_token stop, Notice notice);
  // Returns when a request may begin. kInterrupted where stop is asked for before.
  Result<void> Wait();

 private:
  const RequestRate rate_;
  const Clock& clock_;
  const std::stop_token stop_;
  const Notice notice_;
  std::mutex mutex_;
  std::deque<std::chrono::nanoseconds> begins_;  // guarded by mutex_; of the last requests, some of them to come
};

}  // namespace cairn::http
