// A frame's entry, and behind it the frame: raw bytes of a store, or (first byte odd) a payload that a writer who holds
// the session's key has sealed, which is the only way past the seal.
#include <cstddef>
#include <cstdint>

#include "engine/codec/frame_codec.h"
#include "engine/crypto/aead.h"
#include "engine/crypto/config_maker.h"
#include "repo-format/limits.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

const Secret32& SessionKey() {
  static const Secret32 key(std::array<uint8_t, 32>{1});
  return key;
}

Keyring NewOwner() {
  auto made = MakeRepository({}, SystemRandom(), SystemClock());
  CHECK(made.has_value());
  auto opened = Keyring::Open(std::move(made->owner), 1, made->config_object);
  CHECK(opened.has_value());
  return *std::move(opened);
}

const BlobHasher& Hasher() {
  static const Keyring owner = NewOwner();
  static const BlobHasher hasher(owner);
  return hasher;
}

Bytes SealByHand(const FrameContext& context, const FrameEntry& entry, ByteSpan payload) {
  const std::array<uint8_t, 16> salt{};
  const uint8_t numbers[] = {static_cast<uint8_t>(context.suite), static_cast<uint8_t>(context.kind)};
  WireWriter associated;
  associated.U8(1);
  associated.Raw(numbers);
  associated.U8(static_cast<uint8_t>(entry.codec));
  associated.U32(entry.plain_length);
  Bytes sealed = ToBytes(salt);
  sealed.resize(salt.size() + payload.size() + kAeadTagSize);
  AeadSeal(context.suite, Hkdf(SessionKey().bytes(), salt, {AsBytes("cairn frame 1"), numbers, context.family.bytes()}),
           AeadNonce{}, associated.bytes(), payload, MutableByteSpan(sealed).subspan(salt.size()));
  return sealed;
}

// The ids that the bytes would have, so that opening goes on to the end.
void GiveRightIds(const FrameContext& context, FrameEntry& entry, ByteSpan payload) {
  size_t offset = 0;
  for (BlobEntry& blob : entry.blobs) {
    if (blob.length > payload.size() - offset) return;
    blob.id = Hasher().Compute(context.kind, payload.subspan(offset, blob.length));
    offset += blob.length;
  }
}

void Run(ByteSpan input) {
  if (input.empty()) return;
  const FrameContext context{.kind = (input[0] & 2) != 0 ? BlobKind::kMetadata : BlobKind::kData,
                             .suite = (input[0] & 4) != 0 ? Suite::kChaCha20Poly1305 : Suite::kAes256Gcm};
  WireReader reader(input.subspan(1), "frame entry");
  FrameEntry entry = FrameEntry::Read(reader, 1);
  if (reader.failed()) return;
  const ByteSpan rest = reader.Raw(reader.remaining());
  Bytes sealed = ToBytes(rest);
  if ((input[0] & 1) != 0) {
    if (entry.codec == Codec::kStored) GiveRightIds(context, entry, rest);
    sealed = SealByHand(context, entry, rest);
    entry.sealed_length = static_cast<uint32_t>(sealed.size());
    entry.check = CheckOfFrame(sealed);
  }
  const auto opened = OpenFrame(context, entry, sealed, SessionKey(), Hasher(), "frame");
  if (!opened) return;
  CHECK(opened->size() == entry.plain_length && opened->size() <= limits::kFramePlainBytesMax);
  size_t offset = 0;
  for (const BlobEntry& blob : entry.blobs) {
    CHECK(Hasher().Compute(context.kind, ByteSpan(*opened).subspan(offset, blob.length)) == blob.id);
    offset += blob.length;
  }
  CHECK(offset == opened->size());
}

}  // namespace
}  // namespace cairn

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cairn::Run({data, size});
  return 0;
}
