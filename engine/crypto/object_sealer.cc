#include "engine/crypto/object_sealer.h"

#include <algorithm>

#include "engine/crypto/aead.h"
#include "engine/crypto/hash.h"
#include "engine/crypto/sign.h"
#include "repo-format/limits.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr size_t kPieceSize = size_t{1} << 20;
constexpr size_t kTrailerSize = SlotId::kSize + sizeof(Signature);

uint64_t PieceCount(uint64_t plain_size) { return std::max<uint64_t>(1, (plain_size + kPieceSize - 1) / kPieceSize); }

AeadNonce PieceNonce(uint64_t number, bool last) {
  WireWriter writer;
  writer.U64(number);
  writer.U32(last ? 1 : 0);
  AeadNonce nonce{};
  std::ranges::copy(writer.bytes(), nonce.begin());
  return nonce;
}

Secret32 ObjectKey(const Secret32& index_key, const ObjectHeader& header, ByteSpan header_bytes) {
  return Hkdf(index_key.bytes(), header.salt, {AsBytes("cairn object 1"), header_bytes});
}

Bytes SignedMessage(const SlotId& slot, ByteSpan header, ByteSpan body) {
  WireWriter writer;
  writer.Raw(AsBytes("cairn sign 1"));
  writer.Put(slot);
  writer.Put(Sha256(header));
  writer.Put(Sha256(body));
  return std::move(writer).Take();
}

// Header, AEAD and length; the plaintext with its trailer.
Result<Bytes> OpenPieces(const ObjectHeader& header, ByteSpan header_bytes, ByteSpan sealed, const Secret32& index_key,
                         std::string_view what) {
  const Secret32 key = ObjectKey(index_key, header, header_bytes);
  constexpr size_t kSealedPiece = kPieceSize + kAeadTagSize;
  const uint64_t count = std::max<uint64_t>(1, (sealed.size() + kSealedPiece - 1) / kSealedPiece);
  // Before anything is opened: a piece is decrypted before its tag is looked at, so all must fit from the first on.
  const uint64_t last_size = sealed.size() - (count - 1) * kSealedPiece;
  if (sealed.size() < kTrailerSize + kAeadTagSize || (count > 1 && last_size <= kAeadTagSize)) {
    return Corrupt("{}: {} sealed bytes end within a tag or a signature", what, sealed.size());
  }
  Bytes plain(sealed.size() - count * kAeadTagSize);
  size_t done = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    const ByteSpan piece = sealed.subspan(i * kSealedPiece, last ? sealed.size() - i * kSealedPiece : kSealedPiece);
    const MutableByteSpan target = MutableByteSpan(plain).subspan(done, piece.size() - kAeadTagSize);
    RETURN_IF_ERROR(AeadOpen(header.suite, key, PieceNonce(i, last), header_bytes, piece, target, what));
    done += target.size();
  }
  return plain;
}

}  // namespace

Bytes SealedObject::Joined() const {
  Bytes joined;
  joined.reserve(header.size() + body.size());
  Append(joined, header);
  Append(joined, body);
  return joined;
}

uint64_t ObjectSealer::SealedSize(uint64_t body_size) {
  const uint64_t plain = body_size + kTrailerSize;
  return plain + PieceCount(plain) * kAeadTagSize;
}

ObjectHeader ObjectSealer::NewHeader(ObjectKind kind, const RawId& name, uint64_t body_size, ByteSpan body) const {
  const EpochKeys& epoch = keyring_.newest_epoch();
  ObjectHeader header{.kind = kind,
                      .family = keyring_.family(),
                      .epoch = epoch.epoch,
                      .domain = 0,
                      .suite = keyring_.sealed_part().suite,
                      .name = name,
                      .salt = {},
                      .body_length = SealedSize(body_size)};
  // Random, and still different for another body where a machine repeats its random numbers.
  std::array<uint8_t, 32> fresh{};
  random_.Fill(fresh);
  const Digest salt = HmacSha256(epoch.index.bytes(), {AsBytes("cairn salt 2"), fresh, Sha256(body).bytes()});
  std::copy_n(salt.bytes().begin(), header.salt.size(), header.salt.begin());
  return header;
}

Result<SealedObject> ObjectSealer::Seal(ObjectKind kind, const RawId& name, ByteSpan body) const {
  return SealWith(NewHeader(kind, name, body.size(), body), body);
}

Result<SealedObject> ObjectSealer::SealWith(const ObjectHeader& header, ByteSpan body) const {
  if (!MaySign(keyring_.rights(), header.kind)) {
    return MakeError(ErrorCode::kNoRight, "this key's role ({}) may not make a {}", RoleName(keyring_.rights()),
                     Name(header.kind));
  }
  CHECK(header.body_length == SealedSize(body.size()));
  SealedObject object;
  object.header = header.Encode();
  Bytes plain;
  plain.reserve(body.size() + kTrailerSize);
  Append(plain, body);
  const Bytes message = SignedMessage(keyring_.slot(), object.header, body);
  Append(plain, keyring_.slot().bytes());
  Append(plain, Ed25519Sign(keyring_.ed25519_seed(), message));

  ASSIGN_OR_RETURN(const EpochKeys* epoch, keyring_.epoch(header.epoch));
  const Secret32 key = ObjectKey(epoch->index, header, object.header);
  object.body.resize(header.body_length);
  const uint64_t count = PieceCount(plain.size());
  for (uint64_t i = 0; i < count; ++i) {
    const size_t begin = i * kPieceSize;
    const ByteSpan piece = ByteSpan(plain).subspan(begin, std::min(kPieceSize, plain.size() - begin));
    AeadSeal(header.suite, key, PieceNonce(i, i + 1 == count), object.header, piece,
             MutableByteSpan(object.body).subspan(begin + i * kAeadTagSize, piece.size() + kAeadTagSize));
  }
  return object;
}

Result<OpenedObject> ObjectSealer::Open(ByteSpan object, ObjectKind expected, const RawId& name, std::string_view what,
                                        bool* unknown_slot) const {
  if (object.size() < ObjectHeader::kSize) {
    return Corrupt("{}: it has {} bytes, a header alone has {}", what, object.size(), ObjectHeader::kSize);
  }
  return Open(object.first(ObjectHeader::kSize), object.subspan(ObjectHeader::kSize), expected, name, what,
              unknown_slot);
}

Result<OpenedObject> ObjectSealer::Open(ByteSpan header_bytes, ByteSpan sealed_body, ObjectKind expected,
                                        const RawId& name, std::string_view what, bool* unknown_slot) const {
  if (unknown_slot != nullptr) *unknown_slot = false;
  OpenedObject opened;
  ASSIGN_OR_RETURN(opened.header, ObjectHeader::Parse(header_bytes).While(what));
  const ObjectHeader& header = opened.header;
  if (header.kind != expected) {
    return MakeError(ErrorCode::kForged, "{}: it is a {}, expected a {}", what, Name(header.kind), Name(expected));
  }
  if (header.family != keyring_.family()) {
    return MakeError(ErrorCode::kForged, "{}: it is of key family {}, this repository is of {}", what,
                     header.family.ToHex(), keyring_.family().ToHex());
  }
  if (header.name != name) {
    return MakeError(ErrorCode::kForged, "{}: it was put under the name {}", what, ToHex(header.name));
  }
  if (sealed_body.size() != header.body_length) {
    return Corrupt("{}: its body has {} bytes, its header says {}", what, sealed_body.size(), header.body_length);
  }
  if (!std::ranges::binary_search(keyring_.public_part().epochs, header.epoch, {}, &EpochPublicKeys::epoch)) {
    if (unknown_slot != nullptr) *unknown_slot = true;
    return Corrupt("{}: it is of epoch {}, which config/{} does not name", what, header.epoch,
                   keyring_.config_number());
  }
  ASSIGN_OR_RETURN(const EpochKeys* epoch, keyring_.epoch(header.epoch).While(what));
  ASSIGN_OR_RETURN(Bytes plain, OpenPieces(header, header_bytes, sealed_body, epoch->index, what));

  const size_t body_size = plain.size() - kTrailerSize;
  const ByteSpan trailer = ByteSpan(plain).subspan(body_size);
  opened.slot = SlotId::FromBytes(trailer.first(SlotId::kSize));
  const Certificate* certificate = keyring_.FindCertificate(opened.slot);
  if (certificate == nullptr) {
    if (unknown_slot != nullptr) *unknown_slot = true;
    return MakeError(ErrorCode::kForged, "{}: it is signed by slot {}, which no config names", what,
                     opened.slot.ToHex());
  }
  if (!MaySign(certificate->rights, header.kind)) {
    return MakeError(ErrorCode::kForged, "{}: slot {} ({}) may not make a {}", what, opened.slot.ToHex(),
                     RoleName(certificate->rights), Name(header.kind));
  }
  const Bytes message = SignedMessage(opened.slot, header_bytes, ByteSpan(plain).first(body_size));
  const auto signature = trailer.subspan(SlotId::kSize);
  if (!Ed25519Verify(certificate->ed25519, message, std::span<const uint8_t, 64>(signature.data(), 64))) {
    return MakeError(ErrorCode::kForged, "{}: the signature of slot {} is wrong", what, opened.slot.ToHex());
  }
  plain.resize(body_size);
  opened.body = std::move(plain);
  return opened;
}

}  // namespace cairn
