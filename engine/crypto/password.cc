#include "engine/crypto/password.h"

#include <sodium.h>

#include "engine/crypto/aead.h"
#include "engine/crypto/hash.h"
#include "engine/crypto/sodium_init.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

Result<Secret32> DeriveKey(ByteSpan password, const KeyObjectBody& body) {
  EnsureSodium();
  std::array<uint8_t, 32> key{};
  const WipeGuard wipe(key);
  const auto memory = static_cast<size_t>(body.memory_kib) * 1024;
  if (crypto_pwhash_argon2id(key.data(), key.size(), reinterpret_cast<const char*>(password.data()), password.size(),
                             body.salt.data(), body.passes, memory, crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
    return MakeError(ErrorCode::kIo, "deriving the key from the password needs {} KiB of memory, and got none",
                     body.memory_kib);
  }
  return Secret32(key);
}

Digest Commitment(const Secret32& kek, ByteSpan header, ByteSpan parameters) {
  return HmacSha256(kek.bytes(), {AsBytes("cairn commit 1"), header, parameters});
}

}  // namespace

Result<Bytes> SealKeyObject(const FamilyId& family, const KeyId& key, ByteSpan password,
                            const KeyObjectSecrets& secrets, const PasswordCost& cost, const Random& random) {
  static_assert(crypto_pwhash_argon2id_SALTBYTES == 16);
  if (password.empty()) return Error(ErrorCode::kInvalidArgument, "an empty password protects nothing");
  KeyObjectBody body;
  body.memory_kib = cost.memory_kib;
  body.passes = cost.passes;
  random.Fill(body.salt);
  if (auto readable = KeyObjectBody::Parse(body.Encode()); !readable) {  // by the limits that a reader keeps to
    return Error(ErrorCode::kInvalidArgument, readable.error().message());
  }
  Bytes plain = secrets.Encode();
  const WipeGuard wipe(plain);
  const size_t object_size = ObjectHeader::kSize + KeyObjectBody::kClearSize + plain.size() + kAeadTagSize;
  if (object_size > limits::kKeyObjectBytesMax) {
    return MakeError(ErrorCode::kInvalidArgument, "a key's label of {} bytes is too long", secrets.label.size());
  }
  ObjectHeader header{.kind = ObjectKind::kKeyObject,
                      .family = family,
                      .epoch = 0,
                      .domain = 0,
                      .suite = Suite::kChaCha20Poly1305,
                      .name = ToRawId(key),
                      .salt = {},
                      .body_length = KeyObjectBody::kClearSize + plain.size() + kAeadTagSize};
  random.Fill(header.salt);
  const auto header_bytes = header.Encode();
  ASSIGN_OR_RETURN(const Secret32 kek, DeriveKey(password, body));
  const Bytes parameters = body.Encode();
  const Digest commitment = Commitment(kek, header_bytes, ByteSpan(parameters).first(KeyObjectBody::kParametersSize));
  std::copy(commitment.bytes().begin(), commitment.bytes().end(), body.commitment.begin());
  Bytes object = ToBytes(header_bytes);
  Append(object, body.Encode());
  const Secret32 sealing = Hkdf(kek.bytes(), {}, {AsBytes("cairn key 1"), header_bytes});
  const Bytes associated = object;
  object.resize(object_size);
  AeadSeal(Suite::kChaCha20Poly1305, sealing, AeadNonce{}, associated, plain,
           MutableByteSpan(object).subspan(associated.size()));
  return object;
}

Result<KeyObjectSecrets> OpenKeyObject(ByteSpan object, const KeyId& key, ByteSpan password) {
  const std::string what = "key " + key.ToHex();
  ASSIGN_OR_RETURN(const ObjectHeader header, ObjectHeader::Parse(object).While(what));
  if (header.kind != ObjectKind::kKeyObject || header.name != ToRawId(key)) {
    return Corrupt("{}: under this name stands a {} of another name", what, Name(header.kind));
  }
  if (header.suite != Suite::kChaCha20Poly1305) {
    return MakeError(ErrorCode::kUnsupported, "{}: suite {}", what, Name(header.suite));
  }
  if (header.epoch != 0) return Corrupt("{}: it is of epoch {}, key objects are of none", what, header.epoch);
  if (object.size() > limits::kKeyObjectBytesMax) {
    return Corrupt("{}: it has {} bytes, at most {} are allowed", what, object.size(), limits::kKeyObjectBytesMax);
  }
  const ByteSpan body_bytes = object.subspan(ObjectHeader::kSize);
  if (body_bytes.size() != header.body_length) {
    return Corrupt("{}: body has {} bytes, its header says {}", what, body_bytes.size(), header.body_length);
  }
  ASSIGN_OR_RETURN(const KeyObjectBody body, KeyObjectBody::Parse(body_bytes).While(what));
  if (body.sealed.size() < kAeadTagSize) return Corrupt("{}: its sealed part has {} bytes", what, body.sealed.size());
  const auto header_bytes = header.Encode();
  ASSIGN_OR_RETURN(const Secret32 kek, DeriveKey(password, body));
  const Digest commitment = Commitment(kek, header_bytes, body_bytes.first(KeyObjectBody::kParametersSize));
  if (sodium_memcmp(commitment.bytes().data(), body.commitment.data(), body.commitment.size()) != 0) {
    return MakeError(ErrorCode::kWrongKey, "{} does not open with this password", what);
  }
  const Secret32 sealing = Hkdf(kek.bytes(), {}, {AsBytes("cairn key 1"), header_bytes});
  Bytes plain(body.sealed.size() - kAeadTagSize);
  const WipeGuard wipe(plain);
  const ByteSpan associated = object.first(ObjectHeader::kSize + KeyObjectBody::kClearSize);
  RETURN_IF_ERROR(AeadOpen(Suite::kChaCha20Poly1305, sealing, AeadNonce{}, associated, body.sealed, plain, what));
  return KeyObjectSecrets::Parse(plain).While(what);
}

}  // namespace cairn
