// 32 secret bytes in memory that is locked, guarded and wiped.
#pragma once

#include <array>
#include <memory>

#include "engine/env/random.h"
#include "repo-format/base/bytes.h"

namespace cairn {

// Owns a slot in slabs of sodium_malloc: locked against swapping where the system's limit allows, guard pages around
// each slab, wiped when it goes. (A slab a secret would cost 23 us and four mappings each, twice what sealing a frame
// of 64 KiB costs.) Move only; a moved-from secret may only be assigned or destroyed. Immutable after construction, so
// that threads may share one. Copies are asked for by name.
class Secret32 {
 public:
  static constexpr size_t kSize = 32;

  explicit Secret32(std::span<const uint8_t, 32> bytes);  // copies; the caller wipes its own
  static Secret32 Random(const cairn::Random& random);
  Secret32(Secret32&&) noexcept = default;
  Secret32& operator=(Secret32&&) noexcept = default;
  Secret32 Copy() const { return Secret32(bytes()); }

  std::span<const uint8_t, 32> bytes() const { return std::span<const uint8_t, 32>(memory_.get(), 32); }
  bool EqualTo(const Secret32& other) const;  // constant time

 private:
  struct Free {
    void operator()(uint8_t* memory) const;
  };
  std::unique_ptr<uint8_t[], Free> memory_;
};

// Overwrites bytes so that the compiler cannot leave it out.
void Wipe(MutableByteSpan bytes);

// Wipes bytes when it goes out of scope.
class WipeGuard {
 public:
  explicit WipeGuard(MutableByteSpan bytes) : bytes_(bytes) {}
  ~WipeGuard() { Wipe(bytes_); }
  WipeGuard(const WipeGuard&) = delete;
  WipeGuard& operator=(const WipeGuard&) = delete;

 private:
  MutableByteSpan bytes_;
};

}  // namespace cairn
