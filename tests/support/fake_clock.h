// A clock that stands still until a test moves it.
#pragma once

#include <mutex>
#include <string>

#include "engine/env/clock.h"

namespace cairn {

// Safe for concurrent use. Sleep moves the clock and returns at once.
class FakeClock final : public Clock {
 public:
  static constexpr UnixNs kStart = 1'767'225'600'000'000'000;  // 2026-01-01T00:00:00Z

  explicit FakeClock(UnixNs now = kStart) : now_(now) {}

  UnixNs Now() const override;
  std::chrono::nanoseconds Steady() const override;
  int32_t OffsetMinutes(UnixNs) const override;
  const char* ZoneName() const override { return zone_.c_str(); }
  bool Sleep(std::chrono::nanoseconds span, const std::stop_token& stop) const override;

  void Advance(std::chrono::nanoseconds span);
  void SetNow(UnixNs now);  // somebody sets the wall clock; steady time goes on as it was
  // Before anybody asks for them.
  void SetZone(std::string name, int32_t offset_minutes);

  std::chrono::nanoseconds slept() const;  // all Sleeps together
  unsigned sleeps() const;

 private:
  mutable std::mutex mutex_;
  mutable UnixNs now_;  // guarded by mutex_, as what follows
  mutable std::chrono::nanoseconds steady_{0};
  mutable std::chrono::nanoseconds slept_{0};
  mutable unsigned sleeps_ = 0;
  int32_t offset_minutes_ = 0;
  std::string zone_ = "UTC";
};

}  // namespace cairn
