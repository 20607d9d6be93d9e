// The low-level SHA-256 of libcrypto: its state is a plain struct, and copying it costs nothing, where the EVP
// interface allocates. It is deprecated since OpenSSL 3.0 and still there.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "engine/crypto/hash.h"

#include <openssl/sha.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "engine/crypto/sha256_pair.h"

namespace cairn {
namespace {

constexpr size_t kBlockSize = 64;

void Update(SHA256_CTX& state, ByteSpan bytes) { SHA256_Update(&state, bytes.data(), bytes.size()); }

Digest Final(SHA256_CTX& state) {
  Digest digest;
  SHA256_Final(digest.mutable_bytes().data(), &state);
  return digest;
}

// Digests of messages, each behind what `begin` has taken in: whole blocks.
class Each {
 public:
  Each(const SHA256_CTX& begin, std::span<const ByteSpan> messages, std::span<Digest> digests, bool longest_first)
      : begin_(begin), messages_(messages), digests_(digests) {
    CHECK(messages.size() == digests.size() && begin.num == 0);
    order_.resize(messages.size());
    std::iota(order_.begin(), order_.end(), 0);
    if (!longest_first) return;
    std::ranges::sort(order_, [&](size_t a, size_t b) { return messages[a].size() > messages[b].size(); });
  }

  void Run() {
    std::optional<Lane> first = Next(), second;
    if (sha256_pair::IsSupported()) second = Next();
    while (first && second) {
      const size_t blocks = std::min(first->left.size(), second->left.size()) / kBlockSize;
      if (blocks > 0) {
        sha256_pair::Compress({{{first->state.h, first->left.data()}, {second->state.h, second->left.data()}}}, blocks);
        Pass(*first, blocks);
        Pass(*second, blocks);
      }
      for (std::optional<Lane>* lane : {&first, &second}) {
        if ((*lane)->left.size() < kBlockSize) *lane = Finish(**lane);
      }
    }
    for (std::optional<Lane>* lane : {&first, &second}) {
      while (*lane) *lane = Finish(**lane);
    }
  }

 private:
  struct Lane {
    size_t message = 0;
    SHA256_CTX state{};
    ByteSpan left;
  };

  std::optional<Lane> Next() {
    if (next_ == messages_.size()) return std::nullopt;
    const size_t message = order_[next_++];
    return Lane{.message = message, .state = begin_, .left = messages_[message]};
  }

  // What Update would have noted of so many blocks.
  static void Pass(Lane& lane, size_t blocks) {
    uint64_t bits = (uint64_t{lane.state.Nh} << 32 | lane.state.Nl) + blocks * kBlockSize * 8;
    lane.state.Nl = static_cast<SHA_LONG>(bits);
    lane.state.Nh = static_cast<SHA_LONG>(bits >> 32);
    lane.left = lane.left.subspan(blocks * kBlockSize);
  }

  // What is left of it, alone. The lane is the next message's.
  std::optional<Lane> Finish(Lane& lane) {
    Update(lane.state, lane.left);
    digests_[lane.message] = Final(lane.state);
    return Next();
  }

  const SHA256_CTX& begin_;
  const std::span<const ByteSpan> messages_;
  const std::span<Digest> digests_;
  std::vector<size_t> order_;  // of the messages
  size_t next_ = 0;            // in order_
};

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

void Sha256Each(std::span<const ByteSpan> messages, std::span<Digest> digests) {
  SHA256_CTX begin;
  SHA256_Init(&begin);
  Each(begin, messages, digests, /*longest_first=*/false).Run();
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

void HmacKey::ComputeEach(std::span<const ByteSpan> messages, std::span<Digest> digests) const {
  // The last is then seldom alone for long.
  Each(states_->inner, messages, digests, /*longest_first=*/true).Run();
  for (Digest& digest : digests) {
    SHA256_CTX state = states_->outer;
    Update(state, digest.bytes());
    digest = Final(state);
  }
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
