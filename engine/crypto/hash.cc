// The low-level SHA-256 of libcrypto: its state is a plain struct, and copying it costs nothing, where the EVP
// interface allocates. It is deprecated since OpenSSL 3.0 and still there.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "engine/crypto/hash.h"

#include <openssl/sha.h>

#include <cstring>

namespace cairn {
namespace {

constexpr size_t kBlockSize = 64;

void Update(SHA256_CTX& state, ByteSpan bytes) { SHA256_Update(&state, bytes.data(), bytes.size()); }

Digest Final(SHA256_CTX& state) {
  Digest digest;
  SHA256_Final(digest.mutable_bytes().data(), &state);
  return digest;
}

}  // namespace

Digest Sha256(ByteSpan bytes) {
  SHA256_CTX state;
  SHA256_Init(&state);
  Update(state, bytes);
  return Final(state);
}

Digest Sha256(std::initializer_list<ByteSpan> parts) {
  SHA256_CTX state;
  SHA256_Init(&state);
  for (const ByteSpan part : parts) Update(state, part);
  return Final(state);
}

struct HmacKey::States {
  SHA256_CTX inner, outer;
  ~States() { Wipe({reinterpret_cast<uint8_t*>(this), sizeof(States)}); }
};

HmacKey::HmacKey(ByteSpan key) : states_(std::make_unique<States>()) {
  std::array<uint8_t, kBlockSize> block{};
  const WipeGuard wipe(block);
  if (key.size() > kBlockSize) {
    const Digest hashed = Sha256(key);
    std::copy(hashed.bytes().begin(), hashed.bytes().end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (uint8_t& byte : block) byte ^= 0x36;
  SHA256_Init(&states_->inner);
  Update(states_->inner, block);
  for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  SHA256_Init(&states_->outer);
  Update(states_->outer, block);
}

HmacKey::~HmacKey() = default;
HmacKey::HmacKey(HmacKey&&) noexcept = default;
HmacKey& HmacKey::operator=(HmacKey&&) noexcept = default;

Digest HmacKey::Compute(ByteSpan message) const { return Compute({message}); }

Digest HmacKey::Compute(std::initializer_list<ByteSpan> message) const {
  SHA256_CTX state = states_->inner;
  for (const ByteSpan part : message) Update(state, part);
  const Digest inner = Final(state);
  state = states_->outer;
  Update(state, inner.bytes());
  return Final(state);
}

Digest HmacSha256(ByteSpan key, std::initializer_list<ByteSpan> message) { return HmacKey(key).Compute(message); }

Secret32 Hkdf(ByteSpan key_material, ByteSpan salt, std::initializer_list<ByteSpan> info) {
  Digest extracted = HmacSha256(salt, {key_material});
  const WipeGuard wipe_extracted(extracted.mutable_bytes());
  // One block of output: T(1) = HMAC(PRK, info || 0x01).
  Bytes joined;
  for (const ByteSpan part : info) Append(joined, part);
  joined.push_back(1);
  Digest okm = HmacSha256(extracted.bytes(), {joined});
  const WipeGuard wipe_okm(okm.mutable_bytes());
  return Secret32(std::span<const uint8_t, 32>(okm.bytes().data(), 32));
}

struct Sha256Stream::State {
  SHA256_CTX context;
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256Stream::~Sha256Stream() = default;
void Sha256Stream::Update(ByteSpan bytes) { cairn::Update(state_->context, bytes); }
Digest Sha256Stream::Finish() { return Final(state_->context); }

}  // namespace cairn
