// Sealing and opening by each suite, on one core.
#include <benchmark/benchmark.h>

#include "bench/rate.h"
#include "bench/sample.h"
#include "engine/crypto/aead.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

void BM_CryptoAeadSeal(benchmark::State& state) {
  const auto suite = static_cast<Suite>(state.range(0));
  const Bytes plain = bench::MakeNoise(static_cast<size_t>(state.range(1)));
  Bytes sealed(plain.size() + kAeadTagSize);
  const Secret32 key = Secret32::Random(SystemRandom());
  for (auto _ : state) AeadSeal(suite, key, AeadNonce{}, AsBytes("header"), plain, sealed);
  bench::SetBytes(state, plain.size());
  state.SetLabel(std::string(Name(suite)));
}
BENCHMARK(BM_CryptoAeadSeal)->ArgsProduct({{1, 2}, {256, 64 * kKiB, kMiB, 16 * kMiB}});

void BM_CryptoAeadOpen(benchmark::State& state) {
  const auto suite = static_cast<Suite>(state.range(0));
  Bytes plain = bench::MakeNoise(static_cast<size_t>(state.range(1)));
  Bytes sealed(plain.size() + kAeadTagSize);
  const Secret32 key = Secret32::Random(SystemRandom());
  AeadSeal(suite, key, AeadNonce{}, AsBytes("header"), plain, sealed);
  for (auto _ : state) CHECK(AeadOpen(suite, key, AeadNonce{}, AsBytes("header"), sealed, plain, "frame").has_value());
  bench::SetBytes(state, plain.size());
  state.SetLabel(std::string(Name(suite)));
}
BENCHMARK(BM_CryptoAeadOpen)->ArgsProduct({{1, 2}, {256, 64 * kKiB, kMiB}});

}  // namespace
}  // namespace cairn
