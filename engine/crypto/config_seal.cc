#include "engine/crypto/config_seal.h"

#include "engine/crypto/aead.h"
#include "engine/crypto/hash.h"
#include "engine/crypto/sign.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

Bytes SignedMessage(ByteSpan header, ByteSpan signed_part) {
  WireWriter writer;
  writer.Raw(AsBytes("cairn config 1"));
  writer.Put(Sha256(header));
  writer.Put(Sha256(signed_part));
  return std::move(writer).Take();
}

Secret32 SealedPartKey(const ObjectHeader& header, ByteSpan header_bytes, const Secret32& index_key) {
  return Hkdf(index_key.bytes(), header.salt, {AsBytes("cairn object 1"), header_bytes});
}

Bytes Associated(ByteSpan header_bytes, ByteSpan public_part) {
  Bytes associated = ToBytes(header_bytes);
  Append(associated, public_part);
  return associated;
}

}  // namespace

RawId ConfigRawName(uint64_t number) {
  WireWriter writer;
  writer.U64(number);
  RawId name{};
  std::ranges::copy(writer.bytes(), name.begin());
  return name;
}

Bytes SlotEnvelopeInfo(const FamilyId& family, const SlotId& slot) {
  WireWriter writer;
  writer.Raw(AsBytes("cairn slot 1"));
  writer.Put(family);
  writer.Put(slot);
  return std::move(writer).Take();
}

Result<ConfigPieces> OpenConfigPieces(ByteSpan object, uint64_t number, const PublicKey& root, std::string_view what) {
  ConfigPieces pieces;
  ASSIGN_OR_RETURN(pieces.header, ObjectHeader::Parse(object).While(what));
  if (pieces.header.kind != ObjectKind::kConfig || pieces.header.name != ConfigRawName(number)) {
    return MakeError(ErrorCode::kForged, "{}: under this name stands a {} of another name", what,
                     Name(pieces.header.kind));
  }
  const ByteSpan body = object.subspan(ObjectHeader::kSize);
  if (body.size() != pieces.header.body_length) {
    return Corrupt("{}: body has {} bytes, its header says {}", what, body.size(), pieces.header.body_length);
  }
  ASSIGN_OR_RETURN(pieces.body, ConfigBody::Parse(body).While(what));
  const Bytes message = SignedMessage(object.first(ObjectHeader::kSize), ConfigBody::SignedPart(body));
  if (!Ed25519Verify(root, message, pieces.body.signature)) {
    return MakeError(ErrorCode::kForged, "{}: it is not signed by the root of this repository", what);
  }
  return pieces;
}

Result<Bytes> OpenConfigSealedPart(const ConfigPieces& pieces, const Secret32& index_key, std::string_view what) {
  const auto header_bytes = pieces.header.Encode();
  const Bytes& sealed = pieces.body.sealed_part;
  if (sealed.size() < kAeadTagSize) return Corrupt("{}: its sealed part has {} bytes", what, sealed.size());
  Bytes plain(sealed.size() - kAeadTagSize);
  RETURN_IF_ERROR(AeadOpen(pieces.header.suite, SealedPartKey(pieces.header, header_bytes, index_key), AeadNonce{},
                           Associated(header_bytes, pieces.body.public_part), sealed, plain, what));
  return plain;
}

Bytes SealConfig(ObjectHeader header, const ConfigPublicPart& public_part, const ConfigSealedPart& sealed_part,
                 const Secret32& index_key, const Secret32& root_seed) {
  ConfigBody body;
  body.public_part = public_part.Encode();
  const Bytes plain = sealed_part.Encode();
  body.sealed_part.resize(plain.size() + kAeadTagSize);
  header.body_length = 4 + body.public_part.size() + 4 + body.sealed_part.size() + sizeof(Signature);
  const auto header_bytes = header.Encode();
  AeadSeal(header.suite, SealedPartKey(header, header_bytes, index_key), AeadNonce{},
           Associated(header_bytes, body.public_part), plain, body.sealed_part);
  const Bytes unsigned_body = body.Encode();
  body.signature = Ed25519Sign(root_seed, SignedMessage(header_bytes, ConfigBody::SignedPart(unsigned_body)));
  Bytes object = ToBytes(header_bytes);
  Append(object, body.Encode());
  return object;
}

}  // namespace cairn
