// The chunker, on one core.
#include <benchmark/benchmark.h>

#include "bench/cuts.h"
#include "bench/rate.h"
#include "bench/sample.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr size_t kStreamBytes = 32 * kMiB;

void BM_ChunkerCut(benchmark::State& state, const chunker::ChunkerParams& params, bench::Sample sample) {
  const Bytes stream = bench::MakeSample(sample, kStreamBytes);
  size_t chunks = 0;
  for (auto _ : state) chunks = bench::Cut(params, stream).size();
  bench::SetBytes(state, stream.size());
  state.counters["chunk_bytes"] = static_cast<double>(stream.size()) / static_cast<double>(chunks);
}
BENCHMARK_CAPTURE(BM_ChunkerCut, rows_noise, bench::kRowParams, bench::Sample::kNoise)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_ChunkerCut, rows_text, bench::kRowParams, bench::Sample::kText)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_ChunkerCut, files_noise, bench::kFileParams, bench::Sample::kNoise)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_ChunkerCut, files_text, bench::kFileParams, bench::Sample::kText)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cairn
