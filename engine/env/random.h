// Randomness, asked of the outside world.
#pragma once

#include "repo-format/base/bytes.h"

namespace cairn {

// Safe for concurrent use. Fill never fails: the system's source ends the process where it has nothing to give.
class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(MutableByteSpan target) const = 0;

  template <class IdType>
  IdType NewId() const {
    IdType id;
    Fill(id.mutable_bytes());
    return id;
  }
  uint64_t Below(uint64_t bound) const;  // uniform in [0, bound); bound > 0
};

// The system's cryptographic source; lives as long as the process.
const Random& SystemRandom();

}  // namespace cairn
