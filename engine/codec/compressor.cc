#include "engine/codec/compressor.h"

#include <zstd.h>

#include <algorithm>
#include <memory>

namespace cairn {
namespace {

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* ThreadCompressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
  CHECK(context != nullptr);
  return context.get();
}

ZSTD_DCtx* ThreadDecompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  CHECK(context != nullptr);
  return context.get();
}

constexpr std::array<uint8_t, 4> kMagic = {0x28, 0xb5, 0x2f, 0xfd};  // RFC 8878, section 3.1.1

// Up to this level zstd itself runs over noise at 1 GB/s and more: a try is cheaper than to be clever.
constexpr int kLevelTriedAlways = 4;
constexpr size_t kSampleBytes = 4 * 1024;
constexpr size_t kSampleOf = 4 * kSampleBytes;  // one sample in so many bytes
constexpr size_t kSamplesMax = 16;

// Does it look like noise? Samples spread over all of it, at level 1: the negative levels do not code literals, and
// take base64 or skewed bytes for noise.
bool LooksLikeNoise(ByteSpan plain) {
  const size_t samples = std::min(kSamplesMax, plain.size() / kSampleOf);
  if (samples < 2) return false;  // too small to be worth it
  Bytes target(ZSTD_compressBound(kSampleBytes));
  size_t compressed = 0;
  for (size_t i = 0; i < samples; ++i) {
    const ByteSpan sample = plain.subspan((plain.size() - kSampleBytes) / (samples - 1) * i, kSampleBytes);
    const size_t size =
        ZSTD_compressCCtx(ThreadCompressor(), target.data(), target.size(), sample.data(), sample.size(), 1);
    if (ZSTD_isError(size) != 0) return false;
    compressed += size;
  }
  return compressed > samples * kSampleBytes / 64 * 63;
}

}  // namespace

bool TryCompress(ByteSpan plain, int level, Bytes* compressed) {
  if (level == 0) return false;
  if (level > kLevelTriedAlways && LooksLikeNoise(plain)) level = 1;
  ZSTD_CCtx* context = ThreadCompressor();
  ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
  CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) == 0);
  CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 0)) == 0);
  CHECK(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)) == 0);
  // The size is known, so the window (at most 2^27 at level 22) is never larger than the frame.
  compressed->resize(ZSTD_compressBound(plain.size()));
  const size_t size = ZSTD_compress2(context, compressed->data(), compressed->size(), plain.data(), plain.size());
  if (ZSTD_isError(size) != 0 || size == 0 || size > plain.size() - plain.size() / 64) return false;
  compressed->resize(size);
  return size < plain.size();
}

Result<Bytes> Decompress(ByteSpan compressed, uint32_t plain_length, std::string_view what) {
  // The library may also know older formats and skippable frames; SPEC does not.
  if (compressed.size() < kMagic.size() || !Equal(compressed.first(kMagic.size()), kMagic)) {
    return Corrupt("{}: its compressed bytes are no zstd frame", what);
  }
  const unsigned long long stated = ZSTD_getFrameContentSize(compressed.data(), compressed.size());
  const size_t frame_size = ZSTD_findFrameCompressedSize(compressed.data(), compressed.size());
  if (stated != plain_length || frame_size != compressed.size()) {
    return Corrupt("{}: its compressed bytes are not one zstd frame of {} bytes", what, plain_length);
  }
  Bytes plain(plain_length);
  const size_t size =
      ZSTD_decompressDCtx(ThreadDecompressor(), plain.data(), plain.size(), compressed.data(), compressed.size());
  if (ZSTD_isError(size) != 0) return Corrupt("{}: zstd says: {}", what, ZSTD_getErrorName(size));
  if (size != plain_length) return Corrupt("{}: zstd gave {} bytes, expected {}", what, size, plain_length);
  return plain;
}

}  // namespace cairn
