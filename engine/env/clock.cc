#include "engine/env/clock.h"

#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <string>

#include "engine/env/file_system.h"
#include "engine/env/zone_name.h"

namespace cairn {
namespace {

std::string FindZoneName() {
  ZoneSources sources;
  if (const char* variable = std::getenv("TZ"); variable != nullptr) sources.variable = variable;
  char target[512];
  const ssize_t length = readlink("/etc/localtime", target, sizeof(target));
  if (length > 0) sources.localtime_target.assign(target, static_cast<size_t>(length));
  if (const auto text = PosixFileSystem().ReadFile("/etc/timezone")) sources.timezone_file = ToString(*text);
  return ZoneNameFrom(sources);
}

class RealClock : public Clock {
 public:
  UnixNs Now() const override {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count();
  }
  std::chrono::nanoseconds Steady() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
  int32_t OffsetMinutes(UnixNs when) const override {
    constexpr int64_t kSecond = 1'000'000'000;
    const std::time_t seconds = when / kSecond - (when % kSecond < 0 ? 1 : 0);
    std::tm local{};
    if (localtime_r(&seconds, &local) == nullptr) return 0;
    return static_cast<int32_t>(local.tm_gmtoff / 60);
  }
  const char* ZoneName() const override {
    static const std::string name = FindZoneName();
    return name.c_str();
  }
  bool Sleep(std::chrono::nanoseconds span, const std::stop_token& stop) const override {
    constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24 * 365);  // so that no sum overflows
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, std::min(span, kLongest), [] { return false; });
    return !stop.stop_requested();
  }
};

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

}  // namespace cairn
