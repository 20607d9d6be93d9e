#include "bench/owner.h"

#include "engine/crypto/config_maker.h"

namespace cairn::bench {
namespace {

Keyring NewOwner(Suite suite) {
  auto made = MakeRepository({.suite = suite}, SystemRandom(), SystemClock());
  CHECK(made.has_value());
  auto opened = Keyring::Open(std::move(made->owner), 1, made->config_object);
  CHECK(opened.has_value());
  return *std::move(opened);
}

}  // namespace

const Keyring& Owner(Suite suite) {
  static const Keyring aes = NewOwner(Suite::kAes256Gcm);
  static const Keyring chacha = NewOwner(Suite::kChaCha20Poly1305);
  return suite == Suite::kAes256Gcm ? aes : chacha;
}

}  // namespace cairn::bench
