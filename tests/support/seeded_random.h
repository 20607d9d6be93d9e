// Randomness that is the same in each run.
#pragma once

#include <mutex>

#include "engine/env/random.h"

namespace cairn {

// Safe for concurrent use; repeats only as far as the order of calls does. A test that draws its seed prints it.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed = 1) : seed_(seed), state_(seed) {}

  void Fill(MutableByteSpan target) const override;
  Bytes SomeBytes(size_t size) const;  // incompressible
  uint64_t seed() const { return seed_; }

 private:
  const uint64_t seed_;
  mutable std::mutex mutex_;
  mutable uint64_t state_;  // guarded by mutex_
};

}  // namespace cairn
