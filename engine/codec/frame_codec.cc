#include "engine/codec/frame_codec.h"

#include <algorithm>

#include "engine/codec/compressor.h"
#include "engine/crypto/aead.h"
#include "repo-format/limits.h"
#include "repo-format/wire_writer.h"

namespace cairn {
namespace {

constexpr size_t kSaltSize = 16;

Secret32 FrameKey(const FrameContext& context, const Secret32& session_key, ByteSpan salt) {
  WireWriter info;
  info.Raw(AsBytes("cairn frame 1"));
  info.U8(static_cast<uint8_t>(context.suite));
  info.U8(static_cast<uint8_t>(context.kind));
  info.Put(context.family);
  return Hkdf(session_key.bytes(), salt, {info.bytes()});
}

Bytes AssociatedData(const FrameContext& context, Codec codec, uint32_t plain_length) {
  WireWriter writer;
  writer.U8(1);
  writer.U8(static_cast<uint8_t>(context.suite));
  writer.U8(static_cast<uint8_t>(context.kind));
  writer.U8(static_cast<uint8_t>(codec));
  writer.U32(plain_length);
  return std::move(writer).Take();
}

// Blobs whose ids are to be verified: all of a frame, or those with the numbers `only`.
struct AskedBlobs {
  std::vector<ByteSpan> plain;
  std::vector<const BlobEntry*> entries;
};

Result<AskedBlobs> FindAsked(const FrameToOpen& frame, ByteSpan plain) {
  const std::vector<BlobEntry>& blobs = frame.entry->blobs;
  std::vector<ByteSpan> all;
  all.reserve(blobs.size());
  size_t offset = 0;
  for (const BlobEntry& blob : blobs) {
    all.push_back(plain.subspan(offset, blob.length));
    offset += blob.length;
  }
  AskedBlobs asked;
  if (!frame.only) {
    asked.plain = std::move(all);
    for (const BlobEntry& blob : blobs) asked.entries.push_back(&blob);
    return asked;
  }
  for (const uint32_t number : *frame.only) {
    if (number >= all.size()) {
      return MakeError(ErrorCode::kInvalidArgument, "{}: it has {} blobs, number {} was asked for", frame.what,
                       all.size(), number);
    }
    asked.plain.push_back(all[number]);
    asked.entries.push_back(&blobs[number]);
  }
  return asked;
}

Result<void> CompareIds(const AskedBlobs& asked, std::span<const BlobId> ids, std::string_view what) {
  for (size_t i = 0; i < ids.size(); ++i) {
    const BlobId& said = asked.entries[i]->id;
    if (ids[i] == said) continue;
    return Corrupt("{}: a blob has id {}, its directory says {}", what, ids[i].ToHex(), said.ToHex());
  }
  return {};
}

Result<void> CompareChecksums(const std::vector<BlobEntry>& blobs, std::span<const Checksum> checksums, ByteSpan plain,
                              std::string_view what) {
  size_t offset = 0;
  for (size_t i = 0; i < blobs.size(); ++i) {
    if (ChecksumOf(plain.subspan(offset, blobs[i].length)) != checksums[i]) {
      return Corrupt("{}: blob {} opens to other bytes than those that its id was taken of", what, blobs[i].id.ToHex());
    }
    offset += blobs[i].length;
  }
  return {};
}

// All but the check and the ids.
Result<Bytes> OpenSealed(const FrameContext& context, const FrameEntry& entry, ByteSpan sealed,
                         const Secret32& session_key, std::string_view what) {
  const Secret32 key = FrameKey(context, session_key, sealed.first(kSaltSize));
  Bytes payload(sealed.size() - kSaltSize - kAeadTagSize);
  RETURN_IF_ERROR(AeadOpen(context.suite, key, AeadNonce{}, AssociatedData(context, entry.codec, entry.plain_length),
                           sealed.subspan(kSaltSize), payload, what));
  if (entry.codec == Codec::kZstd) {
    ASSIGN_OR_RETURN(payload, Decompress(payload, entry.plain_length, what));
  }
  if (payload.size() != entry.plain_length) {
    return Corrupt("{}: it has {} plain bytes, its directory says {}", what, payload.size(), entry.plain_length);
  }
  uint64_t blob_bytes = 0;
  for (const BlobEntry& blob : entry.blobs) blob_bytes += blob.length;
  if (blob_bytes != payload.size()) {
    return Corrupt("{}: its blobs have {} bytes, it has {}", what, blob_bytes, payload.size());
  }
  return payload;
}

// Never the same twice, also where a machine repeats its random numbers: other blobs give another salt (SPEC 8.3).
Bytes NewSalt(const Secret32& session_key, const Random& random, uint64_t counter,
              const std::vector<BlobEntry>& blobs) {
  std::array<uint8_t, 32> fresh{};
  random.Fill(fresh);
  WireWriter rest;
  rest.U64(counter);
  for (const BlobEntry& blob : blobs) rest.Put(blob.id);
  const Digest salt = HmacSha256(session_key.bytes(), {AsBytes("cairn salt 1"), fresh, rest.bytes()});
  return ToBytes(salt.bytes().first(kSaltSize));
}

}  // namespace

FrameCheck CheckOfFrame(ByteSpan sealed) { return CheckOfDigest(Sha256(sealed)); }

FrameCheck CheckOfDigest(const Digest& of_sealed) {
  FrameCheck check{};
  std::copy_n(of_sealed.bytes().begin(), check.size(), check.begin());
  return check;
}

FrameSealer::FrameSealer(const SessionKeys& keys, const FamilyId& family, const Random& random, Compression compression)
    : keys_(keys), family_(family), random_(random), compression_(compression) {}

Result<SealedFrame> FrameSealer::Seal(BlobKind kind, ByteSpan plain, std::vector<BlobEntry> blobs,
                                      std::span<const Checksum> checksums) {
  CHECK(checksums.size() == blobs.size());
  CHECK(!plain.empty() && plain.size() <= limits::kFramePlainBytesMax);
  CHECK(!blobs.empty() && blobs.size() <= limits::kFrameBlobsMax);
  const FrameContext context{kind, keys_.suite, family_};
  const Secret32& session_key = keys_.key(kind);
  SealedFrame frame;
  frame.entry.plain_length = static_cast<uint32_t>(plain.size());
  frame.entry.blobs = std::move(blobs);

  Bytes compressed;
  const bool smaller = TryCompress(plain, compression_.level, &compressed);
  frame.entry.codec = smaller ? Codec::kZstd : Codec::kStored;
  const ByteSpan payload = smaller ? ByteSpan(compressed) : plain;

  const Bytes salt = NewSalt(session_key, random_, counter_.fetch_add(1), frame.entry.blobs);
  frame.sealed.resize(kSaltSize + payload.size() + kAeadTagSize);
  const MutableByteSpan sealed(frame.sealed);
  std::ranges::copy(salt, sealed.begin());
  AeadSeal(keys_.suite, FrameKey(context, session_key, salt), AeadNonce{},
           AssociatedData(context, frame.entry.codec, frame.entry.plain_length), payload, sealed.subspan(kSaltSize));
  frame.entry.sealed_length = static_cast<uint32_t>(frame.sealed.size());
  frame.entry.check = CheckOfFrame(frame.sealed);
  compressed = Bytes();  // before the frame is opened again: a frame is up to 16 MiB, and threads seal side by side

  // Opened again from the bytes that will be put, while the source is still there to be read again (SPEC 8.4).
  constexpr std::string_view kWhat = "a frame that was just sealed (this machine's memory or a library is broken)";
  ASSIGN_OR_RETURN(const Bytes again, OpenSealed(context, frame.entry, frame.sealed, session_key, kWhat));
  RETURN_IF_ERROR(CompareChecksums(frame.entry.blobs, checksums, again, kWhat));
  return frame;
}

namespace {

// All but the ids.
Result<Bytes> OpenVerified(const FrameToOpen& frame, const BlobHasher& hasher) {
  const auto& [context, entry, sealed, session_key, what, only] = frame;
  if (sealed.size() != entry->sealed_length) {
    return Corrupt("{}: it has {} bytes, its directory says {}", what, sealed.size(), entry->sealed_length);
  }
  if (sealed.size() < limits::kFrameSealedBytesMin || sealed.size() > limits::kFrameSealedBytesMax) {
    return Corrupt("{}: it has {} bytes, expected {} to {}", what, sealed.size(), limits::kFrameSealedBytesMin,
                   limits::kFrameSealedBytesMax);
  }
  if (entry->plain_length == 0 || entry->plain_length > limits::kFramePlainBytesMax) {
    return Corrupt("{}: its directory says {} plain bytes, expected 1 to {}", what, entry->plain_length,
                   limits::kFramePlainBytesMax);
  }
  if (entry->codec == Codec::kPadding) return Corrupt("{}: it is padding, and holds nothing", what);
  auto opened = OpenSealed(context, *entry, sealed, *session_key, what);
  // The seal covers all bytes, but binds them to no place: ids do, or else the check. Where the seal does not open, the
  // check tells rot from another's seal.
  const bool is_asked = !opened || !hasher.Has(context.kind);
  if (is_asked && CheckOfFrame(sealed) != entry->check) {
    return Corrupt("{}: its bytes differ from their check", what);
  }
  return opened;
}

// Of frames of one kind, which have been opened; those with a wrong id become an Error.
void VerifyIds(std::span<const FrameToOpen> frames, const BlobHasher& hasher, std::vector<Result<Bytes>>& opened) {
  std::vector<AskedBlobs> asked(frames.size());
  std::vector<ByteSpan> plain;
  for (size_t i = 0; i < frames.size(); ++i) {
    if (!opened[i]) continue;
    auto found = FindAsked(frames[i], *opened[i]);
    if (found) {
      asked[i] = *std::move(found);
      plain.insert(plain.end(), asked[i].plain.begin(), asked[i].plain.end());
    } else {
      opened[i] = std::move(found).error();
    }
  }
  std::vector<BlobId> ids(plain.size());
  hasher.ComputeEach(frames.front().context.kind, plain, ids);
  std::span<const BlobId> rest(ids);
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto own = rest.first(asked[i].entries.size());
    rest = rest.subspan(own.size());
    if (auto same = CompareIds(asked[i], own, frames[i].what); !same) opened[i] = std::move(same).error();
  }
}

}  // namespace

std::vector<Result<Bytes>> OpenFrames(std::span<const FrameToOpen> frames, const BlobHasher& hasher) {
  std::vector<Result<Bytes>> opened;
  for (const FrameToOpen& frame : frames) {
    CHECK(frame.context.kind == frames.front().context.kind);
    opened.push_back(OpenVerified(frame, hasher));
  }
  if (!frames.empty() && hasher.Has(frames.front().context.kind)) VerifyIds(frames, hasher, opened);
  return opened;
}

Result<Bytes> OpenFrame(const FrameContext& context, const FrameEntry& entry, ByteSpan sealed,
                        const Secret32& session_key, const BlobHasher& hasher, std::string_view what,
                        const std::optional<BlobNumbers>& only) {
  const FrameToOpen frame{context, &entry, sealed, &session_key, what, only};
  return std::move(OpenFrames({&frame, 1}, hasher).front());
}

}  // namespace cairn
