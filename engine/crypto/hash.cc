// The low-level SHA-256 of libcrypto: its state is a plain struct, and copying it costs nothing, where the EVP
// interface allocates. It is deprecated since OpenSSL 3.0 and still there.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "engine/crypto/hash.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "engine/crypto/sha256_pair.h"
#include "engine/crypto/sha256_wide.h"

namespace cairn {
namespace {

void Update(SHA256_CTX& state, ByteSpan bytes) { SHA256_Update(&state, bytes.data(), bytes.size()); }

Digest Final(SHA256_CTX& state) {
  Digest digest;
  SHA256_Final(digest.mutable_bytes().data(), &state);
  return digest;
}

// From how many messages on it pays to compress them by sixteens: where they can go by twos (BM_CryptoBlobHasherEach),
// and where they cannot, so that each waits for those before it (libcrypto: a quarter of the rate of sixteen).
constexpr size_t kWideMinBesidePairs = 11, kWideMin = 4;

// Digests of messages, each behind what `begin` has taken in: whole blocks.
class Each {
 public:
  Each(const SHA256_CTX& begin, std::span<const ByteSpan> messages, std::span<Digest> digests)
      : begin_(begin), messages_(messages), digests_(digests) {
    CHECK(messages.size() == digests.size() && begin.num == 0);
    order_.resize(messages.size());
    std::iota(order_.begin(), order_.end(), 0);
  }
  // What `begin` holds may be a key's.
  ~Each() { Wipe({reinterpret_cast<uint8_t*>(slots_.data()), sizeof(slots_)}); }
  Each(const Each&) = delete;
  Each& operator=(const Each&) = delete;

  // By twos where the processor can, in their order.
  void RunPairs() {
    while (sha256_pair::IsSupported() && Begin(2)) {
      Advance(2, [](std::span<const Sha256Lane> lanes, size_t count) {
        sha256_pair::Compress({lanes[0], lanes[1]}, count);
      });
    }
    while (Begin(1)) Finish(slots_[--count_]);
  }

  // As many at a time as the processor can, the longest first: the last is then seldom alone for long.
  void RunWide() {
    std::ranges::sort(order_, [&](size_t a, size_t b) { return messages_[a].size() > messages_[b].size(); });
    if (sha256_wide::IsSupported()) {
      const size_t least = sha256_pair::IsSupported() ? kWideMinBesidePairs : kWideMin;
      for (Begin(slots_.size()); count_ >= least; Begin(slots_.size())) Advance(count_, sha256_wide::Compress);
      // All have begun. By twos they go from the end.
      std::ranges::sort(UnderWay(), {}, [](const Message& message) { return message.left.size(); });
    }
    RunPairs();
  }

 private:
  struct Message {
    size_t number = 0;
    SHA256_CTX state{};
    ByteSpan left;
  };

  std::span<Message> UnderWay() { return std::span(slots_).first(count_); }

  // The next ones, until `count` are under way. False: there are no more.
  bool Begin(size_t count) {
    for (; count_ < count && next_ < order_.size(); ++count_, ++next_) {
      slots_[count_] = {.number = order_[next_], .state = begin_, .left = messages_[order_[next_]]};
    }
    return count_ >= count;
  }

  // The last `count` that are under way, by as many blocks as the shortest of them has. Those that have no more end.
  template <class Compress>
  void Advance(size_t count, const Compress& compress) {
    const std::span<Message> messages = UnderWay().last(count);
    std::array<Sha256Lane, sha256_wide::kLanesMax> lanes;
    size_t bytes = SIZE_MAX;
    for (size_t i = 0; i < count; ++i) {
      lanes[i] = {.hash = messages[i].state.h, .blocks = messages[i].left.data()};
      bytes = std::min(bytes, messages[i].left.size());
    }
    if (const size_t blocks = bytes / kSha256BlockBytes; blocks > 0) {
      compress(std::span<const Sha256Lane>(lanes).first(count), blocks);
      for (Message& message : messages) Pass(message, blocks);
    }
    size_t kept = count_ - count;
    for (Message& message : messages) {
      if (message.left.size() < kSha256BlockBytes) {
        Finish(message);
      } else {
        slots_[kept++] = message;
      }
    }
    count_ = kept;
  }

  // What Update would have noted of so many blocks.
  static void Pass(Message& message, size_t blocks) {
    SHA256_CTX& state = message.state;
    const uint64_t bits = (uint64_t{state.Nh} << 32 | state.Nl) + blocks * kSha256BlockBytes * 8;
    state.Nl = static_cast<SHA_LONG>(bits);
    state.Nh = static_cast<SHA_LONG>(bits >> 32);
    message.left = message.left.subspan(blocks * kSha256BlockBytes);
  }

  // What is left of it, alone.
  void Finish(Message& message) {
    Update(message.state, message.left);
    digests_[message.number] = Final(message.state);
  }

  const SHA256_CTX& begin_;
  const std::span<const ByteSpan> messages_;
  const std::span<Digest> digests_;
  std::vector<size_t> order_;  // of the messages
  size_t next_ = 0;            // in order_
  std::array<Message, sha256_wide::kLanesMax> slots_ = {};
  size_t count_ = 0;  // of slots_, from the first: those under way
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
  Each(begin, messages, digests).RunPairs();
}

struct HmacKey::States {
  SHA256_CTX inner, outer;
  ~States() { Wipe({reinterpret_cast<uint8_t*>(this), sizeof(States)}); }
};

HmacKey::HmacKey(ByteSpan key) : states_(std::make_unique<States>()) {
  std::array<uint8_t, kSha256BlockBytes> block{};
  const WipeGuard wipe(block);
  if (key.size() > kSha256BlockBytes) {
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
  Each(states_->inner, messages, digests).RunWide();
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
