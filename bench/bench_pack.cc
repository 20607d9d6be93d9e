// Packs: what it costs to assemble, finish and verify them, beside what sealing the frames costs.
#include <benchmark/benchmark.h>

#include "engine/crypto/config_maker.h"
#include "engine/pack/pack_assembler.h"
#include "engine/pack/pack_reader.h"
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

// An owner, and frames for a pack.
struct Fixture {
  Fixture() {
    for (uint64_t bytes = 0; bytes < kPackBytes; bytes += kFrameBytes) frames.push_back(NewFrame());
  }
  static Keyring NewKeyring() {
    auto made = MakeRepository({}, SystemRandom(), SystemClock());
    CHECK(made.has_value());
    auto opened = Keyring::Open(std::move(made->owner), 1, made->config_object);
    CHECK(opened.has_value());
    return *std::move(opened);
  }
  FinishedPack Assemble(bool pad) const {
    PackWriter writer(BlobKind::kData, sealer, SystemRandom(), kPackBytes / 8 * 9);
    for (const Frame& frame : frames) writer.AddFrame(session, frame.entry, frame.sealed);
    auto finished = writer.Finish(pad);
    CHECK(finished.has_value());
    return *std::move(finished);
  }

  Keyring keyring = NewKeyring();
  ObjectSealer sealer{keyring, SystemRandom()};
  PackSession session{.epoch = 1, .envelope = {.sealed = Bytes(80)}};
  std::vector<Frame> frames;
};

void BM_PackAssemble(benchmark::State& state) {
  const Fixture fixture;
  uint64_t bytes = 0;
  for (auto _ : state) bytes += fixture.Assemble(state.range(0) != 0).object.size();
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
}
BENCHMARK(BM_PackAssemble)->ArgName("padded")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

void BM_PackVerify(benchmark::State& state) {
  const Fixture fixture;
  const FinishedPack pack = fixture.Assemble(false);
  for (auto _ : state) CHECK(VerifyPack(fixture.sealer, pack.kind, pack.name, pack.object).has_value());
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * pack.object.size()));
}
BENCHMARK(BM_PackVerify)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cairn
