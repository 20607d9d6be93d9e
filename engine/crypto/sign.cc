#include "engine/crypto/sign.h"

#include <sodium.h>

#include "repo-format/base/check.h"

namespace cairn {
namespace {

// libsodium's secret key is seed and public key; made for each use and wiped.
class SigningKey {
 public:
  explicit SigningKey(const Secret32& seed) {
    CHECK(crypto_sign_seed_keypair(public_.data(), secret_.data(), seed.bytes().data()) == 0);
  }
  ~SigningKey() { Wipe(secret_); }
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;
  const PublicKey& public_key() const { return public_; }
  const uint8_t* secret() const { return secret_.data(); }

 private:
  PublicKey public_{};
  std::array<uint8_t, crypto_sign_SECRETKEYBYTES> secret_{};
};

}  // namespace

PublicKey Ed25519PublicKey(const Secret32& seed) { return SigningKey(seed).public_key(); }

Signature Ed25519Sign(const Secret32& seed, ByteSpan message) {
  const SigningKey key(seed);
  Signature signature{};
  CHECK(crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(), key.secret()) == 0);
  return signature;
}

bool Ed25519Verify(const PublicKey& key, ByteSpan message, std::span<const uint8_t, 64> signature) {
  return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), key.data()) == 0;
}

PublicKey X25519PublicKey(const Secret32& secret) {
  PublicKey key{};
  CHECK(crypto_scalarmult_base(key.data(), secret.bytes().data()) == 0);
  return key;
}

bool X25519IsUsable(const PublicKey& key) {
  const std::array<uint8_t, 32> any = {1};  // clamping makes it a multiple of eight, which a point of small order shows
  std::array<uint8_t, 32> product{};
  return crypto_scalarmult(product.data(), any.data(), key.data()) == 0;
}

}  // namespace cairn
