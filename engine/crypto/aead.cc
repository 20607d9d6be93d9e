#include "engine/crypto/aead.h"

#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "engine/env/clock.h"

namespace cairn {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

// One context a thread: making one costs more than sealing a small object.
EVP_CIPHER_CTX* ThreadContext() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(EVP_CIPHER_CTX_new());
  CHECK(context != nullptr);
  return context.get();
}

// Fetched once: a look-up by name each time takes a lock.
const EVP_CIPHER* Cipher(Suite suite) {
  static const EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static const EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  const EVP_CIPHER* cipher = suite == Suite::kAes256Gcm ? aes : chacha;
  CHECK(cipher != nullptr);
  return cipher;
}

// EVP counts in int; pieces of 1 GiB keep to it.
constexpr size_t kPieceMax = size_t{1} << 30;

}  // namespace

void AeadSeal(Suite suite, const Secret32& key, const AeadNonce& nonce, ByteSpan associated, ByteSpan plain,
              MutableByteSpan sealed) {
  CHECK(sealed.size() == plain.size() + kAeadTagSize && plain.size() < kPieceMax && associated.size() < kPieceMax);
  EVP_CIPHER_CTX* context = ThreadContext();
  int length = 0;
  CHECK(EVP_EncryptInit_ex(context, Cipher(suite), nullptr, key.bytes().data(), nonce.data()) == 1);
  if (!associated.empty()) {
    CHECK(EVP_EncryptUpdate(context, nullptr, &length, associated.data(), static_cast<int>(associated.size())) == 1);
  }
  if (!plain.empty()) {
    CHECK(EVP_EncryptUpdate(context, sealed.data(), &length, plain.data(), static_cast<int>(plain.size())) == 1);
  }
  CHECK(EVP_EncryptFinal_ex(context, sealed.data() + plain.size(), &length) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kAeadTagSize, sealed.data() + plain.size()) == 1);
  EVP_CIPHER_CTX_reset(context);  // no key stays behind
}

Result<void> AeadOpen(Suite suite, const Secret32& key, const AeadNonce& nonce, ByteSpan associated, ByteSpan sealed,
                      MutableByteSpan plain, std::string_view what) {
  if (sealed.size() < kAeadTagSize || sealed.size() >= kPieceMax) {
    return Corrupt("{}: {} sealed bytes cannot be opened", what, sealed.size());
  }
  CHECK(plain.size() == sealed.size() - kAeadTagSize && associated.size() < kPieceMax);
  EVP_CIPHER_CTX* context = ThreadContext();
  int length = 0;
  std::array<uint8_t, kAeadTagSize> tag{};
  std::copy(sealed.end() - kAeadTagSize, sealed.end(), tag.begin());
  CHECK(EVP_DecryptInit_ex(context, Cipher(suite), nullptr, key.bytes().data(), nonce.data()) == 1);
  if (!associated.empty()) {
    CHECK(EVP_DecryptUpdate(context, nullptr, &length, associated.data(), static_cast<int>(associated.size())) == 1);
  }
  if (!plain.empty()) {
    CHECK(EVP_DecryptUpdate(context, plain.data(), &length, sealed.data(), static_cast<int>(plain.size())) == 1);
  }
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kAeadTagSize, tag.data()) == 1);
  uint8_t none = 0;
  const bool good = EVP_DecryptFinal_ex(context, plain.empty() ? &none : plain.data() + plain.size(), &length) == 1;
  EVP_CIPHER_CTX_reset(context);
  if (good) return {};
  Wipe(plain);  // bytes that were not authenticated are given to nobody
  return Corrupt("{}: its seal does not open: it was altered, or sealed under another key or name", what);
}

Suite FasterSuite() {
  constexpr size_t kBytes = 1 << 20;
  const Bytes plain(kBytes, 0);
  Bytes sealed(kBytes + kAeadTagSize);
  const Secret32 key(std::array<uint8_t, 32>{});
  const auto measure = [&](Suite suite) {
    const auto start = SystemClock().Steady();
    AeadSeal(suite, key, AeadNonce{}, {}, plain, sealed);
    return SystemClock().Steady() - start;
  };
  // The best of many, in turn: others use this machine too.
  auto aes = std::chrono::nanoseconds::max(), chacha = aes;
  for (int i = 0; i < 24; ++i) {
    aes = std::min(aes, measure(Suite::kAes256Gcm));
    chacha = std::min(chacha, measure(Suite::kChaCha20Poly1305));
  }
  return chacha < aes ? Suite::kChaCha20Poly1305 : Suite::kAes256Gcm;
}

}  // namespace cairn
