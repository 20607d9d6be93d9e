// Hashes, on one core.
#include <benchmark/benchmark.h>

#include "bench/owner.h"
#include "bench/rate.h"
#include "bench/sample.h"
#include "engine/crypto/blob_hasher.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

void BM_CryptoSha256(benchmark::State& state) {
  const Bytes blob = bench::MakeNoise(static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(Sha256(blob));
  bench::SetBytes(state, blob.size());
}
BENCHMARK(BM_CryptoSha256)->Arg(4 * kKiB)->Arg(64 * kKiB)->Arg(kMiB);

void BM_CryptoBlobHasher(benchmark::State& state) {
  const BlobHasher hasher(bench::Owner());
  const Bytes blob = bench::MakeNoise(static_cast<size_t>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(hasher.Compute(BlobKind::kData, blob));
  bench::SetBytes(state, blob.size());
}
BENCHMARK(BM_CryptoBlobHasher)
    ->Arg(64)
    ->Arg(kKiB)
    ->Arg(4 * kKiB)
    ->Arg(16 * kKiB)
    ->Arg(64 * kKiB)
    ->Arg(kMiB)
    ->Arg(8 * kMiB);

// As many as make a mebibyte.
void BM_CryptoBlobHasherEach(benchmark::State& state) {
  const BlobHasher hasher(bench::Owner());
  const Bytes blobs = bench::MakeNoise(kMiB);
  const auto length = static_cast<size_t>(state.range(0));
  std::vector<ByteSpan> plain;
  for (size_t i = 0; i < blobs.size(); i += length) plain.push_back(ByteSpan(blobs).subspan(i, length));
  std::vector<BlobId> ids(plain.size());
  for (auto _ : state) {
    hasher.ComputeEach(BlobKind::kData, plain, ids);
    benchmark::DoNotOptimize(ids.data());
  }
  bench::SetBytes(state, blobs.size());
}
BENCHMARK(BM_CryptoBlobHasherEach)->Arg(kKiB)->Arg(4 * kKiB)->Arg(16 * kKiB)->Arg(64 * kKiB)->Arg(256 * kKiB);

}  // namespace
}  // namespace cairn
