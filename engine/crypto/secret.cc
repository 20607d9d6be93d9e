#include "engine/crypto/secret.h"

#include <sodium.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "engine/crypto/sodium_init.h"
#include "repo-format/base/check.h"

namespace cairn {
namespace {

// Slots of 32 bytes in slabs of locked and guarded memory. Slabs are kept for the life of the process.
class SecretPool {
 public:
  uint8_t* Take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) AddSlab();
    uint8_t* const slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void Give(uint8_t* slot) {
    sodium_memzero(slot, Secret32::kSize);
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);
  }

 private:
  // With libsodium's canary of 16 bytes one page; the last slot ends where the guard page begins.
  static constexpr size_t kSlotsPerSlab = 127;

  void AddSlab() {
    EnsureSodium();
    auto* slab = static_cast<uint8_t*>(sodium_allocarray(kSlotsPerSlab, Secret32::kSize));
    CHECK(slab != nullptr);
    for (size_t i = kSlotsPerSlab; i > 0; --i) free_.push_back(slab + (i - 1) * Secret32::kSize);
  }

  std::mutex mutex_;
  std::vector<uint8_t*> free_;  // guarded by mutex_
};

// Never destroyed: a secret in an object of static storage may outlive everything else.
SecretPool& Pool() {
  static auto* const pool = new SecretPool;
  return *pool;
}

}  // namespace

void EnsureSodium() {
  static const bool ready = sodium_init() >= 0;
  CHECK(ready);
}

Secret32::Secret32(std::span<const uint8_t, 32> bytes) : memory_(Pool().Take()) {
  std::memcpy(memory_.get(), bytes.data(), kSize);
}

Secret32 Secret32::Random(const cairn::Random& random) {
  std::array<uint8_t, kSize> bytes{};
  const WipeGuard wipe(bytes);
  random.Fill(bytes);
  return Secret32(bytes);
}

void Secret32::Free::operator()(uint8_t* memory) const { Pool().Give(memory); }

bool Secret32::EqualTo(const Secret32& other) const {
  return sodium_memcmp(memory_.get(), other.memory_.get(), kSize) == 0;
}

void Wipe(MutableByteSpan bytes) {
  if (!bytes.empty()) sodium_memzero(bytes.data(), bytes.size());
}

}  // namespace cairn
