// Packs: what it costs to assemble, finish, put, read and verify them, beside what sealing the frames costs.
#include <benchmark/benchmark.h>

#include "bench/owner.h"
#include "bench/rate.h"
#include "bench/temp_folder.h"
#include "engine/pack/pack_assembler.h"
#include "engine/pack/pack_reader.h"
#include "engine/store/local_store.h"
#include "repo-format/base/units.h"

namespace cairn {
namespace {

constexpr uint64_t kFrameBytes = 700'000, kBlobsPerFrame = 16, kPackBytes = 16 * kMiB;

struct Frame {
  FrameEntry entry;
  Bytes sealed;
};

Frame NewFrame() {
  Frame frame{.sealed = Bytes(kFrameBytes)};
  SystemRandom().Fill(frame.sealed);
  frame.entry.sealed_length = kFrameBytes;
  frame.entry.plain_length = kBlobsPerFrame * 65'536;
  frame.entry.check = CheckOfFrame(frame.sealed);
  frame.entry.blobs.resize(kBlobsPerFrame);
  for (BlobEntry& blob : frame.entry.blobs) blob = {.id = SystemRandom().NewId<BlobId>(), .length = 65'536};
  return frame;
}

// Frames for a pack, and a store below TMPDIR.
struct Fixture {
  Fixture() {
    for (uint64_t bytes = 0; bytes < kPackBytes; bytes += kFrameBytes) frames.push_back(NewFrame());
    auto created = LocalStore::Create(PosixFileSystem(), SystemRandom(), folder.path() + "/store");
    CHECK(created.has_value());
    store = *std::move(created);
  }
  FinishedPack Assemble(bool pad) const {
    PackWriter writer(BlobKind::kData, sealer, SystemRandom(), *store, kPackBytes / 8 * 9);
    for (const Frame& frame : frames) CHECK(writer.AddFrame(session, frame.entry, frame.sealed).has_value());
    auto finished = writer.Finish(pad);
    CHECK(finished.has_value());
    return *std::move(finished);
  }

  const bench::TempFolder folder;
  std::unique_ptr<LocalStore> store;
  ObjectSealer sealer{bench::Owner(), SystemRandom()};
  PackSession session{.epoch = 1, .envelope = {.sealed = Bytes(80)}};
  std::vector<Frame> frames;
};

// Written into the page cache, and hashed from it.
void BM_PackAssemble(benchmark::State& state) {
  const Fixture fixture;
  uint64_t bytes = 0;
  for (auto _ : state) bytes += fixture.Assemble(state.range(0) != 0).size;
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_PackAssemble)->ArgName("padded")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

// Synced: this is mostly the disk.
void BM_PackPut(benchmark::State& state) {
  const Fixture fixture;
  uint64_t bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const FinishedPack pack = fixture.Assemble(false);
    const ObjectName name = PackObjectName(pack.kind, pack.name);
    state.ResumeTiming();
    CHECK(pack.draft->Put(name).has_value());
    bytes += pack.size;
    state.PauseTiming();
    CHECK(fixture.store->Remove(name).has_value());
    state.ResumeTiming();
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_PackPut)->Unit(benchmark::kMillisecond)->UseRealTime();

struct StoredPack {
  StoredPack() { CHECK(pack.draft->Put(name).has_value()); }

  const Fixture fixture;
  const FinishedPack pack = fixture.Assemble(false);
  const ObjectName name = PackObjectName(pack.kind, pack.name);
};

void BM_PackVerify(benchmark::State& state) {
  const StoredPack stored;
  const FinishedPack& pack = stored.pack;
  const auto object = stored.fixture.store->Get(stored.name, pack.size);
  CHECK(object.has_value());
  for (auto _ : state) CHECK(VerifyPack(stored.fixture.sealer, pack.kind, pack.name, *object).has_value());
  bench::SetBytes(state, pack.size);
}
BENCHMARK(BM_PackVerify)->Unit(benchmark::kMillisecond);

void BM_PackReadDirectory(benchmark::State& state) {
  const StoredPack stored;
  const FinishedPack& pack = stored.pack;
  for (auto _ : state) {
    CHECK(ReadDirectory(*stored.fixture.store, stored.fixture.sealer, pack.kind, pack.name, pack.size).has_value());
  }
  bench::SetItems(state, stored.fixture.frames.size());
}
BENCHMARK(BM_PackReadDirectory);

// From the page cache, its check verified.
void BM_PackReadFrame(benchmark::State& state) {
  const StoredPack stored;
  const FinishedPack& pack = stored.pack;
  const std::vector<uint64_t> offsets = FrameOffsets(pack.directory.frames);
  size_t n = 0;
  for (auto _ : state) {
    const FrameEntry& entry = pack.directory.frames[n];
    CHECK(ReadFrame(*stored.fixture.store, pack.kind, pack.name, offsets[n], entry).has_value());
    n = (n + 1) % stored.fixture.frames.size();
  }
  bench::SetBytes(state, kFrameBytes);
}
BENCHMARK(BM_PackReadFrame);

}  // namespace
}  // namespace cairn
