#include "tests/support/seeded_random.h"

#include <algorithm>
#include <cstring>

namespace cairn {

void SeededRandom::Fill(MutableByteSpan target) const {
  const std::lock_guard lock(mutex_);
  while (!target.empty()) {
    uint64_t value = state_ += 0x9e3779b97f4a7c15;  // splitmix64
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    value ^= value >> 31;
    const size_t size = std::min(target.size(), sizeof(value));
    std::memcpy(target.data(), &value, size);
    target = target.subspan(size);
  }
}

Bytes SeededRandom::SomeBytes(size_t size) const {
  Bytes bytes(size);
  Fill(bytes);
  return bytes;
}

}  // namespace cairn
