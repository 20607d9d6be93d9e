// A repository with a key of each role, sources of randomness that misbehave, and SPEC section 6 done by hand.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <mutex>

#include "engine/crypto/aead.h"
#include "engine/crypto/config_maker.h"
#include "engine/crypto/hash.h"
#include "engine/crypto/object_sealer.h"
#include "engine/crypto/sign.h"
#include "repo-format/wire_writer.h"

namespace cairn::crypto_test {

inline Bytes Hex(std::string_view text) {
  const auto bytes = FromHex(text);
  CHECK(bytes.has_value());
  return *bytes;
}

template <size_t N>
std::array<uint8_t, N> ArrayOf(ByteSpan bytes) {
  CHECK(bytes.size() == N);
  std::array<uint8_t, N> array{};
  std::ranges::copy(bytes, array.begin());
  return array;
}

inline Secret32 SecretOf(std::string_view hex) { return Secret32(ArrayOf<32>(Hex(hex))); }

inline Secret32 SecretFilledWith(uint8_t byte) {
  std::array<uint8_t, 32> bytes{};
  bytes.fill(byte);
  return Secret32(bytes);
}

// Repeats from run to run.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed) : state_(seed) {}
  void Fill(MutableByteSpan target) const override {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < target.size(); i += 4) {
      state_ = state_ * 6'364'136'223'846'793'005 + 1'442'695'040'888'963'407;
      const auto high = static_cast<uint32_t>(state_ >> 32);
      std::memcpy(target.data() + i, &high, std::min<size_t>(4, target.size() - i));
    }
  }

 private:
  mutable std::mutex mutex_;
  mutable uint64_t state_;
};

// A virtual machine that was restored, for ever.
class StuckRandom final : public Random {
 public:
  void Fill(MutableByteSpan target) const override { std::ranges::fill(target, uint8_t{0xab}); }
};

inline Bytes RandomBytes(size_t size, uint64_t seed) {
  Bytes bytes(size);
  SeededRandom(seed).Fill(bytes);
  return bytes;
}

inline RawId RawIdOf(uint8_t byte) {
  RawId id{};
  id.fill(byte);
  return id;
}

// The code of an error, or nothing where it went well.
template <class T>
std::optional<ErrorCode> CodeOf(const Result<T>& result) {
  if (result) return std::nullopt;
  return result.error().code();
}
#define EXPECT_CODE(code, ...) \
  EXPECT_EQ(::cairn::crypto_test::CodeOf(__VA_ARGS__), std::optional(::cairn::ErrorCode::code))

inline SlotKeys CopyOf(const SlotKeys& keys) {
  return {keys.slot,        keys.x25519_secret.Copy(), keys.ed25519_seed.Copy(),
          keys.root_public, keys.config_min,           keys.label};
}

inline constexpr std::array<std::string_view, 5> kRoles = {"owner", "writer", "lister", "maintainer", "reader"};

// config/1 to config/5, and the keys of five slots, one of each role: the same keys each time.
class TestRepository {
 public:
  explicit TestRepository(Suite suite = Suite::kAes256Gcm) {
    auto made = MakeRepository({.suite = suite}, random_, SystemClock());
    CHECK(made.has_value());
    config_ = std::move(made->config_object);
    slots_.emplace("owner", std::move(made->owner));
    for (const std::string_view role : kRoles) {
      if (role != "owner") AddSlot(role, *ParseRole(role));
    }
  }

  void AddSlot(std::string_view name, Rights rights) {
    auto with = MakeConfigWithSlot(As("owner"), {.rights = rights, .label = std::string(name)}, random_, SystemClock());
    CHECK(with.has_value());
    Advance(std::move(with->config_object));
    slots_.emplace(name, std::move(with->slot));
  }
  void RemoveSlot(std::string_view name, uint64_t counter_max) {
    auto without = MakeConfigWithoutSlot(As("owner"), slot(name).slot, counter_max, random_);
    CHECK(without.has_value());
    Advance(*std::move(without));
  }
  void Advance(Bytes config) {
    config_ = std::move(config);
    ++number_;
  }

  Result<Keyring> Open(std::string_view name) const { return Keyring::Open(CopyOf(slot(name)), number_, config_); }
  Keyring As(std::string_view name) const {
    auto opened = Open(name);
    CHECK(opened.has_value());
    return *std::move(opened);
  }
  const SlotKeys& slot(std::string_view name) const { return slots_.find(name)->second; }
  const Bytes& config() const { return config_; }
  uint64_t number() const { return number_; }
  const Random& random() const { return random_; }

 private:
  SeededRandom random_{20};
  Bytes config_;
  uint64_t number_ = 1;
  std::map<std::string, SlotKeys, std::less<>> slots_;
};

// --- SPEC 6.2 written a second time, piece by piece, so that tests can put the pieces together wrongly ---

struct HandSealed {
  ObjectHeader header;
  std::vector<Bytes> pieces;  // with their tags
  Bytes Joined() const {
    Bytes object = ToBytes(header.Encode());
    for (const Bytes& piece : pieces) Append(object, piece);
    return object;
  }
};

inline ObjectHeader HeaderFor(const Keyring& keyring, ObjectKind kind, const RawId& name) {
  return {.kind = kind,
          .family = keyring.family(),
          .epoch = keyring.newest_epoch().epoch,
          .domain = 0,
          .suite = keyring.sealed_part().suite,
          .name = name,
          .salt = RawIdOf(0x55),
          .body_length = 0};
}

inline Bytes SignByHand(const SlotKeys& slot, const ObjectHeader& header, ByteSpan body) {
  Bytes message = ToBytes(AsBytes("cairn sign 1"));
  Append(message, slot.slot.bytes());
  Append(message, Sha256(header.Encode()).bytes());
  Append(message, Sha256(body).bytes());
  Bytes trailer = ToBytes(slot.slot.bytes());
  Append(trailer, Ed25519Sign(slot.ed25519_seed, message));
  return trailer;
}

// Cuts `plain`, which ends with its trailer, into the given sizes.
inline HandSealed SealPieces(const Secret32& index_key, const ObjectHeader& header, ByteSpan plain,
                             const std::vector<size_t>& sizes) {
  HandSealed sealed{header, {}};
  const auto header_bytes = header.Encode();
  Bytes info = ToBytes(AsBytes("cairn object 1"));
  Append(info, header_bytes);
  const Digest extracted = HmacSha256(header.salt, {index_key.bytes()});
  info.push_back(1);
  const Digest key = HmacSha256(extracted.bytes(), {info});
  for (size_t i = 0, offset = 0; i < sizes.size(); offset += sizes[i++]) {
    WireWriter nonce;
    nonce.U64(i);
    nonce.U32(i + 1 == sizes.size() ? 1 : 0);
    sealed.pieces.emplace_back(sizes[i] + kAeadTagSize);
    AeadSeal(header.suite, Secret32(ArrayOf<32>(key.bytes())), ArrayOf<12>(nonce.bytes()), header_bytes,
             plain.subspan(offset, sizes[i]), sealed.pieces.back());
  }
  return sealed;
}

// A right object by hand; `signer` may be anybody.
inline HandSealed SealByHand(const Keyring& keyring, const SlotKeys& signer, ObjectHeader header, ByteSpan body) {
  const size_t size = body.size() + 80;
  std::vector<size_t> sizes;
  for (size_t left = size; left > 0; left -= sizes.back()) sizes.push_back(std::min<size_t>(left, 1 << 20));
  header.body_length = size + sizes.size() * kAeadTagSize;
  Bytes plain = ToBytes(body);
  Append(plain, SignByHand(signer, header, body));
  return SealPieces(keyring.newest_epoch().index, header, plain, sizes);
}

}  // namespace cairn::crypto_test
