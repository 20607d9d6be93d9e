#include "engine/jobs/pack_buffers.h"

#include <algorithm>

namespace cairn {
namespace {

bool Suits(const Bytes& bytes, uint64_t size) {
  return bytes.capacity() >= size && bytes.capacity() <= size + size / 4;
}

}  // namespace

Bytes PackBuffers::Take(uint64_t size) {
  if (size < kKeptMin || idle_bytes_max_ == 0) return {};
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(idle_, [&](const Bytes& bytes) { return Suits(bytes, size); });
    if (found != idle_.end()) {
      Bytes bytes = std::move(*found);
      idle_.erase(found);
      idle_bytes_ -= bytes.capacity();
      return bytes;
    }
  }
  Bytes bytes;
  bytes.reserve(size + size / 8);  // the next one may be a little longer; what is not touched costs nothing
  return bytes;
}

void PackBuffers::Give(Bytes bytes, uint64_t size) {
  if (size < kKeptMin || !Suits(bytes, size)) return;
  const std::lock_guard lock(mutex_);
  if (bytes.capacity() > idle_bytes_max_ - idle_bytes_) return;
  idle_bytes_ += bytes.capacity();
  bytes.clear();
  idle_.push_back(std::move(bytes));
}

}  // namespace cairn
