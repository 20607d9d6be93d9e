#include "engine/env/random.h"

#include <sys/random.h>

#include <cerrno>
#include <cstring>

#include "repo-format/base/check.h"

namespace cairn {
namespace {

class RealRandom : public Random {
 public:
  void Fill(MutableByteSpan target) const override {
    while (!target.empty()) {
      const ssize_t got = getrandom(target.data(), target.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      CHECK(got > 0);  // without randomness there are no keys, and nothing must go on
      target = target.subspan(static_cast<size_t>(got));
    }
  }
};

}  // namespace

uint64_t Random::Below(uint64_t bound) const {
  CHECK(bound > 0);
  const uint64_t limit = UINT64_MAX - UINT64_MAX % bound;  // values from here on would favour small results
  for (;;) {
    std::array<uint8_t, 8> bytes{};
    Fill(bytes);
    uint64_t value;
    std::memcpy(&value, bytes.data(), sizeof(value));
    if (value < limit) return value % bound;
  }
}

const Random& SystemRandom() {
  static const RealRandom random;
  return random;
}

}  // namespace cairn
