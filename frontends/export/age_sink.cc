#include "frontends/export/age_sink.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "engine/crypto/aead.h"
#include "engine/crypto/hash.h"
#include "engine/crypto/sodium_init.h"
#include "repo-format/base/units.h"

namespace cairn::exports {
namespace {

constexpr size_t kFileKeyBytes = 16, kSaltBytes = 16, kNonceBytes = 16;
constexpr size_t kChunkBytes = 64 * kKiB;
constexpr size_t kColumns = 64;
constexpr uint32_t kBlockSize = 8;  // of scrypt
constexpr std::string_view kIntro = "age-encryption.org/v1\n";
constexpr std::string_view kX25519Label = "age-encryption.org/v1/X25519";
constexpr std::string_view kScryptLabel = "age-encryption.org/v1/scrypt";

std::string Base64(ByteSpan bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL_NO_PADDING), '\0');
  ::sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
  text.pop_back();  // the zero
  return text;
}

// The file's key under another, and that in lines whose last is short, as the format has it.
std::string Wrapped(const Secret32& key, ByteSpan file_key) {
  Bytes sealed(file_key.size() + kAeadTagSize);
  AeadSeal(Suite::kChaCha20Poly1305, key, AeadNonce{}, {}, file_key, sealed);
  const std::string text = Base64(sealed);
  static_assert((kFileKeyBytes + kAeadTagSize) * 4 / 3 + 1 < kColumns, "it is one line");
  return text + "\n";
}

Result<std::string> RecipientStanza(const AgeRecipient& recipient, ByteSpan file_key, const Random& random) {
  const Secret32 ephemeral = Secret32::Random(random);
  std::array<uint8_t, 32> share{}, shared{};
  const WipeGuard wipe(shared);
  const bool is_usable = ::crypto_scalarmult_base(share.data(), ephemeral.bytes().data()) == 0 &&
                         ::crypto_scalarmult(shared.data(), ephemeral.bytes().data(), recipient.key.data()) == 0;
  if (!is_usable) return Error(ErrorCode::kInvalidArgument, "a recipient of age is a key that nobody can have");
  Bytes salt = ToBytes(share);
  Append(salt, recipient.key);
  const Secret32 key = Hkdf(shared, salt, {AsBytes(kX25519Label)});
  return "-> X25519 " + Base64(share) + "\n" + Wrapped(key, file_key);
}

Result<std::string> PassphraseStanza(const AgeOptions& options, ByteSpan file_key, const Random& random) {
  Bytes salt(kSaltBytes);
  random.Fill(salt);
  Bytes labelled = ToBytes(AsBytes(kScryptLabel));
  Append(labelled, salt);
  std::array<uint8_t, Secret32::kSize> derived{};
  const WipeGuard wipe(derived);
  if (::crypto_pwhash_scryptsalsa208sha256_ll(options.passphrase.data(), options.passphrase.size(), labelled.data(),
                                              labelled.size(), uint64_t{1} << options.cost_log2, kBlockSize, 1,
                                              derived.data(), derived.size()) != 0) {
    return Error(ErrorCode::kIo, "there is no memory for scrypt, which takes 256 MiB");
  }
  return fmt::format("-> scrypt {} {}\n", Base64(salt), options.cost_log2) + Wrapped(Secret32(derived), file_key);
}

}  // namespace

Result<std::unique_ptr<AgeSink>> AgeSink::Make(ByteSink& target, const AgeOptions& options, const Random& random) {
  if (options.recipients.empty() == options.passphrase.empty()) {
    return Error(ErrorCode::kInvalidArgument, "a file of age is either for recipients or for a passphrase");
  }
  EnsureSodium();
  std::array<uint8_t, kFileKeyBytes> file_key{};
  const WipeGuard wipe(file_key);
  random.Fill(file_key);
  std::string head(kIntro);
  for (const AgeRecipient& recipient : options.recipients) {
    ASSIGN_OR_RETURN(const std::string stanza, RecipientStanza(recipient, file_key, random));
    head += stanza;
  }
  if (!options.passphrase.empty()) {
    ASSIGN_OR_RETURN(const std::string stanza, PassphraseStanza(options, file_key, random));
    head += stanza;
  }
  head += "---";
  const Secret32 head_key = Hkdf(file_key, {}, {AsBytes("header")});
  const Digest mac = HmacSha256(head_key.bytes(), {AsBytes(head)});
  head += " " + Base64(mac.bytes()) + "\n";
  Bytes nonce(kNonceBytes);
  random.Fill(nonce);
  RETURN_IF_ERROR(target.Write(AsBytes(head)));
  RETURN_IF_ERROR(target.Write(nonce));
  std::unique_ptr<AgeSink> sink(new AgeSink(target, Hkdf(file_key, nonce, {AsBytes("payload")})));
  sink->plain_.reserve(kChunkBytes);
  return sink;
}

// A full chunk waits for a byte behind it: the last is sealed as the last.
Result<void> AgeSink::Write(ByteSpan bytes) {
  while (!bytes.empty()) {
    if (plain_.size() == kChunkBytes) RETURN_IF_ERROR(Seal(false));
    const size_t part = std::min(bytes.size(), kChunkBytes - plain_.size());
    Append(plain_, bytes.first(part));
    bytes = bytes.subspan(part);
  }
  return {};
}

Result<void> AgeSink::Finish() { return Seal(true); }

Result<void> AgeSink::Seal(bool is_last) {
  AeadNonce nonce{};  // eleven bytes of a number, the highest first, and whether it is the last
  for (size_t i = 0; i < 8; ++i) nonce[3 + i] = static_cast<uint8_t>(chunk_ >> (56 - 8 * i));
  nonce.back() = is_last ? 1 : 0;
  sealed_.resize(plain_.size() + kAeadTagSize);
  AeadSeal(Suite::kChaCha20Poly1305, key_, nonce, {}, plain_, sealed_);
  ++chunk_;
  plain_.clear();
  return target_.Write(sealed_);
}

}  // namespace cairn::exports
