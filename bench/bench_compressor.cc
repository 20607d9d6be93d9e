// zstd, on one core. `ratio` is plain to stored.
#include <benchmark/benchmark.h>

#include "bench/plain_frames.h"
#include "bench/rate.h"
#include "bench/sample.h"
#include "engine/codec/compressor.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

void BM_CodecTryCompress(benchmark::State& state) {
  const auto kind = static_cast<bench::Sample>(state.range(0));
  const Bytes plain = bench::MakeSample(kind, kMiB);
  Bytes compressed;
  bool smaller = false;
  for (auto _ : state) smaller = TryCompress(plain, static_cast<int>(state.range(1)), &compressed);
  bench::SetBytes(state, plain.size());
  state.counters["ratio"] = smaller ? static_cast<double>(plain.size()) / static_cast<double>(compressed.size()) : 1;
  state.SetLabel(Name(kind));
}
BENCHMARK(BM_CodecTryCompress)->ArgsProduct({{0, 1, 2, 3}, {-1, 1, 3, 4, 6, 9, 19}})->ArgNames({"kind", "level"});

// Every frame of a corpus once an iteration.
void BM_CodecCompressFrames(benchmark::State& state) {
  const auto corpus = static_cast<bench::Corpus>(state.range(0));
  const std::vector<Bytes> frames = bench::MakePlainFrames(corpus, static_cast<size_t>(state.range(1)));
  if (frames.empty()) return state.SkipWithError("this machine has no such files");
  size_t stored_bytes = 0;
  Bytes compressed;
  for (auto _ : state) {
    stored_bytes = 0;
    for (const Bytes& frame : frames) {
      const bool smaller = TryCompress(frame, static_cast<int>(state.range(2)), &compressed);
      stored_bytes += smaller ? compressed.size() : frame.size();
    }
  }
  const size_t plain_bytes = bench::TotalBytes(frames);
  bench::SetBytes(state, plain_bytes);
  state.counters["ratio"] = static_cast<double>(plain_bytes) / static_cast<double>(stored_bytes);
  state.SetLabel(Name(corpus));
}
BENCHMARK(BM_CodecCompressFrames)
    ->ArgsProduct({{0}, {256 * kKiB, kMiB}, {1, 2, 3, 6}})
    ->ArgsProduct({{1}, {256 * kKiB}, {1, 2, 3, 6}})
    ->ArgNames({"corpus", "frame", "level"})
    ->Unit(benchmark::kMillisecond);

void BM_CodecDecompress(benchmark::State& state) {
  const Bytes plain = bench::MakeSample(bench::Sample::kProgram, kMiB);
  Bytes compressed;
  CHECK(TryCompress(plain, static_cast<int>(state.range(0)), &compressed));
  for (auto _ : state) CHECK(Decompress(compressed, kMiB, "frame").has_value());
  bench::SetBytes(state, plain.size());
}
BENCHMARK(BM_CodecDecompress)->Arg(1)->Arg(3)->ArgName("level");

}  // namespace
}  // namespace cairn
