// Time, asked of the outside world.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

namespace cairn {

// Nanoseconds since 1970-01-01T00:00:00Z, leap seconds ignored; negative before.
using UnixNs = int64_t;

// Safe for concurrent use. Tests put a clock of their own in its place.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixNs Now() const = 0;
  // Steady time for rates and waits; only differences mean something.
  virtual std::chrono::nanoseconds Steady() const = 0;
  // Minutes east of UTC of local civil time at `when`.
  virtual int32_t OffsetMinutes(UnixNs when) const = 0;
  // IANA name of the local zone, "" where it is unknown.
  virtual const char* ZoneName() const = 0;
  // Returns early, with false, when stop is asked for.
  virtual bool Sleep(std::chrono::nanoseconds span, const std::stop_token& stop) const = 0;
};

// The system's clock; lives as long as the process.
const Clock& SystemClock();

}  // namespace cairn
