#include "tests/support/fake_clock.h"

#include <algorithm>
#include <utility>

namespace cairn {

UnixNs FakeClock::Now() const {
  const std::lock_guard lock(mutex_);
  return now_;
}

std::chrono::nanoseconds FakeClock::Steady() const {
  const std::lock_guard lock(mutex_);
  return steady_;
}

int32_t FakeClock::OffsetMinutes(UnixNs) const {
  const std::lock_guard lock(mutex_);
  return offset_minutes_;
}

bool FakeClock::Sleep(std::chrono::nanoseconds span, const std::stop_token& stop) const {
  if (stop.stop_requested()) return false;
  span = std::max(span, std::chrono::nanoseconds(0));
  const std::lock_guard lock(mutex_);
  now_ += span.count();
  steady_ += span;
  slept_ += span;
  ++sleeps_;
  return true;
}

void FakeClock::Advance(std::chrono::nanoseconds span) {
  const std::lock_guard lock(mutex_);
  now_ += span.count();
  steady_ += span;
}

void FakeClock::SetNow(UnixNs now) {
  const std::lock_guard lock(mutex_);
  now_ = now;
}

void FakeClock::SetZone(std::string name, int32_t offset_minutes) {
  const std::lock_guard lock(mutex_);
  zone_ = std::move(name);
  offset_minutes_ = offset_minutes;
}

std::chrono::nanoseconds FakeClock::slept() const {
  const std::lock_guard lock(mutex_);
  return slept_;
}

unsigned FakeClock::sleeps() const {
  const std::lock_guard lock(mutex_);
  return sleeps_;
}

}  // namespace cairn
