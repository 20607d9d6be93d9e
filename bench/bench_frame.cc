// A frame from blobs to sealed bytes, and back, on one core.
#include <benchmark/benchmark.h>

#include "bench/owner.h"
#include "bench/rate.h"
#include "bench/sample.h"
#include "engine/codec/frame_codec.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

struct Frames {
  Frames(Suite suite, size_t frame_size, bench::Sample kind)
      : owner(bench::Owner(suite)), plain(bench::MakeSample(kind, frame_size)) {
    const size_t step = std::min<size_t>(frame_size, 16 * kKiB);
    for (size_t offset = 0; offset < plain.size(); offset += step) {
      const BlobId id = hasher.Compute(BlobKind::kData, ByteSpan(plain).subspan(offset, step));
      blobs.push_back({.id = id, .length = static_cast<uint32_t>(step)});
      checksums.push_back(ChecksumOf(ByteSpan(plain).subspan(offset, step)));
    }
  }
  const Keyring& owner;
  const BlobHasher hasher{owner};
  const SessionKeys keys = SessionKeys::New(owner, SystemRandom().NewId<SessionId>(), SystemRandom());
  const Bytes plain;
  std::vector<BlobEntry> blobs;
  std::vector<Checksum> checksums;
};

// All that a writer does with a frame: compress, seal, open again, compare every blob.
void BM_CodecFrameSeal(benchmark::State& state) {
  const Frames frames(static_cast<Suite>(state.range(0)), static_cast<size_t>(state.range(1)), bench::Sample::kProgram);
  FrameSealer sealer(frames.keys, frames.owner.family(), SystemRandom(), {.level = static_cast<int>(state.range(2))});
  for (auto _ : state) CHECK(sealer.Seal(BlobKind::kData, frames.plain, frames.blobs, frames.checksums).has_value());
  bench::SetBytes(state, frames.plain.size());
}
BENCHMARK(BM_CodecFrameSeal)
    ->ArgsProduct({{1, 2}, {64 * kKiB, 256 * kKiB, kMiB}, {0, 1, 3}})
    ->ArgNames({"suite", "bytes", "level"});

void BM_CodecFrameOpen(benchmark::State& state) {
  const Frames frames(Suite::kAes256Gcm, static_cast<size_t>(state.range(0)), bench::Sample::kProgram);
  FrameSealer sealer(frames.keys, frames.owner.family(), SystemRandom(), {});
  const auto frame = sealer.Seal(BlobKind::kData, frames.plain, frames.blobs, frames.checksums);
  CHECK(frame.has_value());
  const FrameContext context{.kind = BlobKind::kData, .suite = frames.keys.suite, .family = frames.owner.family()};
  for (auto _ : state) {
    CHECK(OpenFrame(context, frame->entry, frame->sealed, frames.keys.content, frames.hasher, "frame").has_value());
  }
  bench::SetBytes(state, frames.plain.size());
}
BENCHMARK(BM_CodecFrameOpen)->Arg(64 * kKiB)->Arg(256 * kKiB)->Arg(kMiB)->ArgName("bytes");

}  // namespace
}  // namespace cairn
