// The index of a large repository: making it anew, look-ups, the walk. CAIRN_BENCH_BLOBS: how many blobs (1,000,000).
#include <benchmark/benchmark.h>
#include <fmt/core.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>

#include "bench/rate.h"
#include "bench/temp_folder.h"
#include "engine/index/index.h"

namespace cairn {
namespace {

constexpr uint64_t kBlobsPerFrame = 16, kFramesPerPack = 16, kPacksPerSegment = 800;
constexpr uint64_t kBlobsPerPack = kBlobsPerFrame * kFramesPerPack;

uint64_t BlobCount() {
  const char* given = getenv("CAIRN_BENCH_BLOBS");
  return given != nullptr ? strtoull(given, nullptr, 10) : 1'000'000;
}

template <class IdType>
IdType IdOf(uint64_t n) {
  std::mt19937_64 random(n);
  IdType id;
  for (uint8_t& byte : id.mutable_bytes()) byte = static_cast<uint8_t>(random() >> 32);
  return id;
}

// Quick to make, and spread as hashes are.
BlobId BlobOf(uint64_t n) {
  BlobId id;
  uint64_t state = n * 4;
  for (size_t i = 0; i < 4; ++i) {
    uint64_t word = ++state * 0x9e3779b97f4a7c15;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    word ^= word >> 31;
    std::memcpy(id.mutable_bytes().data() + i * 8, &word, 8);
  }
  return id;
}

SegmentPack PackOf(uint64_t n) {
  SegmentPack pack{.name = {.digest = IdOf<Digest>(n)}, .size = 16'000'000};
  pack.frames.resize(kFramesPerPack);
  for (uint64_t f = 0; f < kFramesPerPack; ++f) {
    FrameEntry& frame = pack.frames[f];
    frame.sealed_length = 700'000;
    frame.plain_length = kBlobsPerFrame * 65'536;
    for (uint64_t b = 0; b < kBlobsPerFrame; ++b) {
      frame.blobs.push_back({.id = BlobOf(n * kBlobsPerPack + f * kBlobsPerFrame + b), .length = 65'536});
    }
  }
  return pack;
}

// An index over BlobCount() blobs in a folder that goes with it.
class Fixture {
 public:
  Fixture() {
    for (uint64_t n = 0; n * kPacksPerSegment * kBlobsPerPack < BlobCount(); ++n) {
      segments_.push_back(IdOf<SegmentId>(n));
      numbers_[segments_.back()] = n;
    }
  }
  static Fixture& Filled() {
    static const std::unique_ptr<Fixture> fixture = NewFilled();
    return *fixture;
  }
  void Open() {
    index_ = nullptr;
    auto opened = Index::Open({.folder = folder_.path() + "/index", .repository = IdOf<RepositoryId>(1)});
    CHECK(opened.has_value());
    index_ = *std::move(opened);
  }
  void Sync() {
    const auto load = [this](const SegmentId& id) -> Result<IndexSegment> { return Make(numbers_.at(id)); };
    JobContext context{*executor_, SystemClock(), SystemRandom(), progress_, NullLog(), {}, Limits()};
    CHECK(index_->Sync(segments_, load, context).has_value());
  }
  Index& index() { return *index_; }
  uint64_t blobs() const { return segments_.size() * kPacksPerSegment * kBlobsPerPack; }
  uint64_t DiskBytes() const {
    uint64_t bytes = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (entry.is_regular_file()) bytes += entry.file_size();
    }
    return bytes;
  }

 private:
  // Filled before it is anybody's, so that it goes before the statics that RocksDB makes meanwhile.
  static std::unique_ptr<Fixture> NewFilled() {
    auto fixture = std::make_unique<Fixture>();
    fixture->Open();
    fixture->Sync();
    return fixture;
  }
  static IndexSegment Make(uint64_t n) {
    IndexSegment segment;
    segment.sessions.push_back({.session = IdOf<SessionId>(n), .epoch = 1, .content = Envelope{.sealed = Bytes(80)}});
    for (uint64_t p = n * kPacksPerSegment; p < (n + 1) * kPacksPerSegment; ++p) segment.packs.push_back(PackOf(p));
    return segment;
  }

  const bench::TempFolder folder_;  // goes last
  std::vector<SegmentId> segments_;
  std::unordered_map<SegmentId, uint64_t> numbers_;
  std::unique_ptr<Executor> executor_ = MakeInlineExecutor();
  Progress progress_;
  std::unique_ptr<Index> index_;
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
    fixture.Open();
    fixture.Sync();
    state.SetItemsProcessed(state.items_processed() + static_cast<int64_t>(fixture.blobs()));
    const double disk_bytes = static_cast<double>(fixture.DiskBytes());
    state.counters["disk_bytes_per_blob"] = disk_bytes / static_cast<double>(fixture.blobs());
    state.counters["resident_MB"] = ResidentMegabytes();
  }
}
BENCHMARK(BM_IndexRebuild)->Iterations(1)->Unit(benchmark::kSecond);

void BM_IndexOpenAndSync(benchmark::State& state) {
  Fixture& fixture = Fixture::Filled();
  for (auto _ : state) {
    fixture.Open();
    fixture.Sync();
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
  for (auto _ : state) CHECK(fixture.index().HasForWriter(BlobOf(random() % fixture.blobs()), 65'536).value());
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
  const std::vector<PackSession> sessions{{.epoch = 1, .envelope = {.sealed = Bytes(80)}}};
  uint64_t n = uint64_t{1} << 40;
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
