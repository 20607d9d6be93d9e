// The index of a large repository: making it anew, look-ups, the walk. CAIRN_BENCH_BLOBS: how many blobs (1,000,000).
#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>

#include "bench/made_index.h"
#include "bench/rate.h"
#include "bench/temp_folder.h"
#include "engine/index/index.h"

namespace cairn {
namespace {

using bench::BlobOf;
using bench::kBlobLength;
using bench::kBlobsPerPack;
using bench::PackOf;

uint64_t BlobCount() {
  const char* given = getenv("CAIRN_BENCH_BLOBS");
  return given != nullptr ? strtoull(given, nullptr, 10) : 1'000'000;
}

// An index over BlobCount() blobs in a folder that goes with it.
class Fixture {
 public:
  static Fixture& Filled() {
    static const std::unique_ptr<Fixture> fixture = NewFilled();
    return *fixture;
  }
  bench::MadeIndex& made() { return made_; }
  Index& index() { return made_.index(); }
  uint64_t blobs() const { return made_.blobs(); }

 private:
  // Filled before it is anybody's, so that it goes before the statics that RocksDB makes meanwhile.
  static std::unique_ptr<Fixture> NewFilled() {
    auto fixture = std::make_unique<Fixture>();
    fixture->made_.Open();
    fixture->made_.Sync();
    return fixture;
  }

  const bench::TempFolder folder_;  // goes last
  bench::MadeIndex made_{folder_.path(), BlobCount()};
};

double ResidentMegabytes() {
  std::ifstream status("/proc/self/statm");
  uint64_t total = 0, resident = 0;
  status >> total >> resident;
  return static_cast<double>(resident) * 4096 / 1e6;
}

void BM_IndexRebuild(benchmark::State& state) {
  for (auto _ : state) {
    Fixture fixture;
    fixture.made().Open();
    fixture.made().Sync();
    state.SetItemsProcessed(state.items_processed() + static_cast<int64_t>(fixture.blobs()));
    const double disk_bytes = static_cast<double>(fixture.made().DiskBytes());
    state.counters["disk_bytes_per_blob"] = disk_bytes / static_cast<double>(fixture.blobs());
    state.counters["resident_MB"] = ResidentMegabytes();
  }
}
BENCHMARK(BM_IndexRebuild)->Iterations(1)->Unit(benchmark::kSecond);

void BM_IndexOpenAndSync(benchmark::State& state) {
  Fixture& fixture = Fixture::Filled();
  for (auto _ : state) {
    fixture.made().Open();
    fixture.made().Sync();
  }
}
BENCHMARK(BM_IndexOpenAndSync)->Unit(benchmark::kMillisecond);

void BM_IndexMiss(benchmark::State& state) {
  Fixture& fixture = Fixture::Filled();
  uint64_t n = fixture.blobs();
  for (auto _ : state) CHECK(!fixture.index().HasForWriter(BlobOf(++n), std::nullopt).value());
  bench::SetItems(state, 1);
}
BENCHMARK(BM_IndexMiss);

void BM_IndexHitForWriter(benchmark::State& state) {
  Fixture& fixture = Fixture::Filled();
  std::mt19937_64 random(1);
  for (auto _ : state) CHECK(fixture.index().HasForWriter(BlobOf(random() % fixture.blobs()), kBlobLength).value());
  bench::SetItems(state, 1);
}
BENCHMARK(BM_IndexHitForWriter);

void BM_IndexFindAtRandom(benchmark::State& state) {
  Fixture& fixture = Fixture::Filled();
  std::mt19937_64 random(2);
  for (auto _ : state) CHECK(fixture.index().Find(BlobOf(random() % fixture.blobs()))->size() == 1);
  bench::SetItems(state, 1);
}
BENCHMARK(BM_IndexFindAtRandom);

// As a restore does: blobs in the order in which they were written.
void BM_IndexFindInOrder(benchmark::State& state) {
  Fixture& fixture = Fixture::Filled();
  uint64_t n = 0;
  for (auto _ : state) CHECK(fixture.index().Find(BlobOf(n++ % fixture.blobs()))->size() == 1);
  bench::SetItems(state, 1);
}
BENCHMARK(BM_IndexFindInOrder);

void BM_IndexWalk(benchmark::State& state) {
  Fixture& fixture = Fixture::Filled();
  for (auto _ : state) {
    uint64_t count = 0;
    CHECK(fixture.index()
              .ForEachBlob([&count](const BlobId&, BlobKind, std::span<const BlobPlace>) {
                ++count;
                return Result<void>();
              })
              .has_value());
    CHECK(count == fixture.blobs());
  }
  bench::SetItems(state, fixture.blobs());
}
BENCHMARK(BM_IndexWalk)->Unit(benchmark::kMillisecond);

void BM_IndexAddPack(benchmark::State& state) {
  Fixture& fixture = Fixture::Filled();
  const std::vector<PackSession> sessions = bench::SessionsOfPacks();
  static uint64_t n = uint64_t{1} << 40;  // goes on: a pack that was added before costs nothing
  for (auto _ : state) {
    state.PauseTiming();
    const SegmentPack pack = PackOf(n++);
    state.ResumeTiming();
    CHECK(fixture.index().AddPack(pack, sessions).has_value());
  }
  bench::SetItems(state, kBlobsPerPack);
  fixture.index().DropAddedPacks();
}
BENCHMARK(BM_IndexAddPack)->Iterations(500);

}  // namespace
}  // namespace cairn
