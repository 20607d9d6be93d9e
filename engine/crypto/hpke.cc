#include "engine/crypto/hpke.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "engine/crypto/aead.h"
#include "engine/crypto/hash.h"
#include "engine/crypto/sign.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr uint16_t kKem = 0x0020;
constexpr uint16_t kKdf = 0x0001;
constexpr uint16_t kAeadAes128Gcm = 0x0001;
constexpr uint16_t kAeadAes256Gcm = 0x0002;
constexpr uint16_t kAeadChaCha20Poly1305 = 0x0003;
constexpr size_t kEncSize = 32;

void AppendU16(Bytes& bytes, uint16_t value) {  // big-endian, as RFC 9180 writes I2OSP(n, 2)
  bytes.push_back(static_cast<uint8_t>(value >> 8));
  bytes.push_back(static_cast<uint8_t>(value));
}

Bytes KemSuiteId() {
  Bytes id = ToBytes(AsBytes("KEM"));
  AppendU16(id, kKem);
  return id;
}

Bytes HpkeSuiteId(uint16_t aead) {
  Bytes id = ToBytes(AsBytes("HPKE"));
  AppendU16(id, kKem);
  AppendU16(id, kKdf);
  AppendU16(id, aead);
  return id;
}

Digest LabeledExtract(ByteSpan salt, ByteSpan suite, std::string_view label, ByteSpan key_material) {
  return HmacSha256(salt, {AsBytes("HPKE-v1"), suite, AsBytes(label), key_material});
}

// At most 32 bytes: one block of HKDF-Expand.
Bytes LabeledExpand(ByteSpan key, ByteSpan suite, std::string_view label, ByteSpan info, uint16_t length) {
  CHECK(length <= 32);
  Bytes size;
  AppendU16(size, length);
  const uint8_t one = 1;
  Digest block = HmacSha256(key, {size, AsBytes("HPKE-v1"), suite, AsBytes(label), info, {&one, 1}});
  const WipeGuard wipe(block.mutable_bytes());
  return ToBytes(block.bytes().first(length));
}

// RFC 9180, section 4.1: the shared secret of DHKEM. False where the other key is of small order.
bool SharedSecret(const Secret32& secret, const PublicKey& other, ByteSpan enc, const PublicKey& recipient,
                  Bytes* shared) {
  std::array<uint8_t, 32> dh{};
  const WipeGuard wipe(dh);
  if (crypto_scalarmult(dh.data(), secret.bytes().data(), other.data()) != 0) return false;
  const Bytes suite = KemSuiteId();
  Bytes context = ToBytes(enc);
  Append(context, recipient);
  Digest extracted = LabeledExtract({}, suite, "eae_prk", dh);
  const WipeGuard wipe_extracted(extracted.mutable_bytes());
  *shared = LabeledExpand(extracted.bytes(), suite, "shared_secret", context, 32);
  return true;
}

struct KeyAndNonce {
  Bytes key;
  AeadNonce nonce{};
};

// RFC 9180, section 5.1: the key schedule of base mode.
KeyAndNonce Schedule(ByteSpan shared, ByteSpan info, uint16_t aead, uint16_t key_size) {
  const Bytes suite = HpkeSuiteId(aead);
  Bytes context(1, uint8_t{0});  // base mode
  Append(context, LabeledExtract({}, suite, "psk_id_hash", {}).bytes());
  Append(context, LabeledExtract({}, suite, "info_hash", info).bytes());
  Digest secret = LabeledExtract(shared, suite, "secret", {});
  const WipeGuard wipe(secret.mutable_bytes());
  KeyAndNonce result;
  result.key = LabeledExpand(secret.bytes(), suite, "key", context, key_size);
  const Bytes nonce = LabeledExpand(secret.bytes(), suite, "base_nonce", context, 12);
  std::copy(nonce.begin(), nonce.end(), result.nonce.begin());
  return result;
}

const char* AeadName(uint16_t aead) {
  switch (aead) {
    case kAeadAes128Gcm:
      return "AES-128-GCM";
    case kAeadAes256Gcm:
      return "AES-256-GCM";
    default:
      return "ChaCha20-Poly1305";
  }
}

}  // namespace

namespace hpke_internal {

Bytes SealWith(uint16_t aead, const Secret32& ephemeral, const PublicKey& recipient, ByteSpan info, ByteSpan associated,
               ByteSpan plain) {
  const PublicKey enc = X25519PublicKey(ephemeral);
  Bytes shared;
  CHECK(SharedSecret(ephemeral, recipient, enc, recipient, &shared));  // our own configs hold no key of small order
  const WipeGuard wipe_shared(shared);
  KeyAndNonce schedule = Schedule(shared, info, aead, aead == kAeadAes128Gcm ? 16 : 32);
  const WipeGuard wipe_key(schedule.key);
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, AeadName(aead), nullptr);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  CHECK(cipher != nullptr && context != nullptr);
  Bytes out = ToBytes(enc);
  const size_t start = out.size();
  out.resize(start + plain.size() + kAeadTagSize);
  int length = 0;
  CHECK(EVP_EncryptInit_ex(context, cipher, nullptr, schedule.key.data(), schedule.nonce.data()) == 1);
  if (!associated.empty()) {
    CHECK(EVP_EncryptUpdate(context, nullptr, &length, associated.data(), static_cast<int>(associated.size())) == 1);
  }
  CHECK(EVP_EncryptUpdate(context, out.data() + start, &length, plain.data(), static_cast<int>(plain.size())) == 1);
  uint8_t* const tag = out.data() + start + plain.size();
  CHECK(EVP_EncryptFinal_ex(context, tag, &length) == 1);
  CHECK(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kAeadTagSize, tag) == 1);
  EVP_CIPHER_CTX_free(context);
  EVP_CIPHER_free(cipher);
  return out;
}

Result<Bytes> OpenWith(uint16_t aead, const Secret32& recipient, ByteSpan info, ByteSpan associated, ByteSpan sealed) {
  CHECK(aead == kAeadAes256Gcm || aead == kAeadChaCha20Poly1305);
  if (sealed.size() < kEncSize + kAeadTagSize) {
    return Corrupt("envelope: {} bytes, at least {} are needed", sealed.size(), kEncSize + kAeadTagSize);
  }
  PublicKey enc{};
  std::copy_n(sealed.begin(), kEncSize, enc.begin());
  Bytes shared;
  if (!SharedSecret(recipient, enc, enc, X25519PublicKey(recipient), &shared)) {
    return Corrupt("envelope: its key is of small order");
  }
  const WipeGuard wipe_shared(shared);
  KeyAndNonce schedule = Schedule(shared, info, aead, 32);
  const WipeGuard wipe_key(schedule.key);
  const Secret32 key(std::span<const uint8_t, 32>(schedule.key.data(), 32));
  const Suite suite = aead == kAeadAes256Gcm ? Suite::kAes256Gcm : Suite::kChaCha20Poly1305;
  Bytes plain(sealed.size() - kEncSize - kAeadTagSize);
  RETURN_IF_ERROR(AeadOpen(suite, key, schedule.nonce, associated, sealed.subspan(kEncSize), plain, "envelope"));
  return plain;
}

}  // namespace hpke_internal

Envelope HpkeSeal(const PublicKey& recipient, ByteSpan info, ByteSpan plain, const Random& random) {
  const Secret32 ephemeral = Secret32::Random(random);
  return {kKemX25519, hpke_internal::SealWith(kAeadAes256Gcm, ephemeral, recipient, info, {}, plain)};
}

Result<Bytes> HpkeOpen(const Secret32& recipient, ByteSpan info, const Envelope& envelope) {
  if (envelope.kem != kKemX25519) {
    return MakeError(ErrorCode::kUnsupported, "envelope: KEM {:#06x} is not known to this version of cairn",
                     envelope.kem);
  }
  return hpke_internal::OpenWith(kAeadAes256Gcm, recipient, info, {}, envelope.sealed);
}

}  // namespace cairn
