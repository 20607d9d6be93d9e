#include "engine/jobs/frame_trial.h"

#include "engine/codec/compressor.h"
#include "engine/crypto/aead.h"

namespace cairn {
namespace {

constexpr size_t kSaltSize = 16;
constexpr std::string_view kWhat = "a frame of the benchmark (this machine's memory or a library is broken)";

}  // namespace

FrameTrial::FrameTrial(const Repository& repository, const Random& random, Compression compression)
    : hasher_(repository.hasher()),
      suite_(repository.keyring().sealed_part().suite),
      compression_(compression),
      session_key_(Secret32::Random(random)) {}

// As long a way as to the key of a frame.
Secret32 FrameTrial::FrameKey() const {
  return Hkdf(session_key_.bytes(), std::array<uint8_t, kSaltSize>{}, {AsBytes("cairn benchmark")});
}

Bytes FrameTrial::Sealed(ByteSpan payload) const {
  Bytes sealed(kSaltSize + payload.size() + kAeadTagSize);
  std::fill_n(sealed.begin(), kSaltSize, uint8_t{0});
  AeadSeal(suite_, FrameKey(), AeadNonce{}, AsBytes("cairn benchmark"), payload,
           MutableByteSpan(sealed).subspan(kSaltSize));
  return sealed;
}

// As BlobWriter does: all together, each with its checksum.
uint64_t FrameTrial::Identify(const SampleFrame& frame) const {
  std::vector<ByteSpan> blobs;
  std::vector<Checksum> checksums;
  for (size_t offset = 0; const uint32_t length : frame.lengths) {
    blobs.push_back(frame.plain.subspan(offset, length));
    checksums.push_back(ChecksumOf(blobs.back()));
    offset += length;
  }
  std::vector<BlobId> ids(blobs.size());
  hasher_.ComputeEach(BlobKind::kData, blobs, ids);
  return frame.plain.size();
}

uint64_t FrameTrial::Compress(const SampleFrame& frame) const {
  Bytes compressed;
  TryCompress(frame.plain, compression_.level, &compressed);
  return frame.plain.size();
}

TriedFrame FrameTrial::Try(const SampleFrame& frame) const {
  TriedFrame tried{.frame = frame, .is_compressed = false, .compressed = {}, .sealed = {}};
  Bytes compressed;
  tried.is_compressed = TryCompress(frame.plain, compression_.level, &compressed);
  if (tried.is_compressed) tried.compressed.assign(compressed.begin(), compressed.end());  // no larger than it is
  tried.sealed = Sealed(tried.payload());
  return tried;
}

uint64_t FrameTrial::Seal(const TriedFrame& tried) const {
  CheckOfFrame(Sealed(tried.payload()));
  return tried.frame.plain.size();
}

Result<uint64_t> FrameTrial::Verify(const TriedFrame& tried) const {
  Bytes payload(tried.sealed.size() - kSaltSize - kAeadTagSize);
  RETURN_IF_ERROR(AeadOpen(suite_, FrameKey(), AeadNonce{}, AsBytes("cairn benchmark"),
                           ByteSpan(tried.sealed).subspan(kSaltSize), payload, kWhat));
  if (tried.is_compressed) {
    ASSIGN_OR_RETURN(payload, Decompress(payload, static_cast<uint32_t>(tried.frame.plain.size()), kWhat));
  }
  size_t offset = 0;
  for (const uint32_t length : tried.frame.lengths) {
    if (ChecksumOf(ByteSpan(payload).subspan(offset, length)) !=
        ChecksumOf(tried.frame.plain.subspan(offset, length))) {
      return Corrupt("{}: it opens to other bytes", kWhat);
    }
    offset += length;
  }
  return tried.frame.plain.size();
}

uint64_t FrameTrial::HashSealed(const TriedFrame& tried) const {
  Sha256(tried.sealed);
  return tried.frame.plain.size();
}

}  // namespace cairn
