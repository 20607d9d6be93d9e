// One measurement of an index of many blobs: index_scale PHASE FOLDER BLOBS. JSON on its standard output. A process a
// phase, so that its peak memory is the phase's; "rebuild" makes in FOLDER what the others open.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <string_view>

#include "bench/made_index.h"
#include "engine/jobs/pack_usage.h"

namespace cairn {
namespace {

using bench::BlobOf;
using bench::kBlobLength;
using bench::kBlobsPerPack;
using bench::MadeIndex;

constexpr uint64_t kInOrder = 5'000'000, kMisses = 1'000'000, kAtRandom = 200'000, kPacksPut = 2'000;

class Timer {
 public:
  double seconds() const { return std::chrono::duration<double>(SystemClock().Steady() - begin_).count(); }

 private:
  const std::chrono::nanoseconds begin_ = SystemClock().Steady();
};

// Things a second are the driver's to compute.
void Tell(double seconds, uint64_t count, const std::string& more = "") {
  fmt::print("{{\"seconds\": {:.6f}, \"count\": {}{}}}\n", seconds, count, more);
}

void OpenAndSync(MadeIndex& made) {
  made.Open();
  made.Sync();
}

void Rebuild(MadeIndex& made, const std::string&) {
  const Timer timer;
  OpenAndSync(made);
  made.Close();
  const double making = std::chrono::duration<double>(made.making()).count();
  Tell(timer.seconds() - making, made.blobs(),
       fmt::format(", \"disk_bytes\": {}, \"segment_bytes\": {}", made.DiskBytes(), made.segment_bytes()));
}

void OpenOnly(MadeIndex& made, const std::string&) {
  const Timer timer;
  made.Open();
  const double opened = timer.seconds();
  made.Sync();
  Tell(opened, 1, fmt::format(", \"sync_seconds\": {:.6f}", timer.seconds() - opened));
}

void LookUpInOrder(MadeIndex& made, const std::string&) {
  OpenAndSync(made);
  const uint64_t count = std::min(kInOrder, made.blobs()), first = (made.blobs() - count) / 2;
  const Timer timer;
  for (uint64_t n = first; n < first + count; ++n) CHECK(made.index().HasForWriter(BlobOf(n), kBlobLength).value());
  Tell(timer.seconds(), count);
}

void Miss(MadeIndex& made, const std::string&) {
  OpenAndSync(made);
  const Timer timer;
  for (uint64_t n = 0; n < kMisses; ++n) {
    CHECK(!made.index().HasForWriter(BlobOf(made.blobs() + n), kBlobLength).value());
  }
  Tell(timer.seconds(), kMisses);
}

void LookUpAtRandom(MadeIndex& made, const std::string&) {
  OpenAndSync(made);
  std::mt19937_64 random(1);
  const Timer timer;
  for (uint64_t n = 0; n < kAtRandom; ++n) CHECK(made.index().Find(BlobOf(random() % made.blobs()))->size() == 1);
  Tell(timer.seconds(), kAtRandom);
}

// Packs that no segment names: the next Sync of another process takes them out again.
void Insert(MadeIndex& made, const std::string&) {
  OpenAndSync(made);
  std::vector<SegmentPack> packs;
  for (uint64_t n = 0; n < kPacksPut; ++n) packs.push_back(bench::PackOf((uint64_t{1} << 40) + n));
  const auto sessions = bench::SessionsOfPacks();
  const Timer timer;
  for (const SegmentPack& pack : packs) CHECK(made.index().AddPack(pack, sessions).has_value());
  CHECK(made.index().Flush().has_value());
  Tell(timer.seconds(), kPacksPut * kBlobsPerPack);
}

// What a prune does with its marks: every second blob is needed, so that each frame of each pack is partly dead.
void Plan(MadeIndex& made, const std::string& folder) {
  OpenAndSync(made);
  const auto executor = MakeInlineExecutor();
  Progress progress;
  const JobContext context{*executor, SystemClock(), SystemRandom(), progress, NullLog(), {}, Limits()};
  const Timer timer;
  IdSorter needed(folder, context.limits.memory_bytes / 8);
  for (uint64_t n = 0; n < made.blobs(); n += 2) CHECK(needed.Add(BlobOf(n)).has_value());
  const double marked = timer.seconds();
  const auto usage = MeasureUsage(context, made.index(), needed, {.sessions = {}, .number_first = UINT32_MAX});
  CHECK(usage.has_value() && usage->missing.empty());
  const auto plan = PlanPrune(usage->packs, {}, /*holds_content_key=*/true);
  CHECK(plan.has_value() && plan->packs.size() == made.blobs() / kBlobsPerPack && plan->bytes_repacked > 0);
  Tell(timer.seconds(), made.blobs(), fmt::format(", \"sorting_seconds\": {:.6f}", marked));
}

int Run(int argc, char** argv) {
  using Phase = std::function<void(MadeIndex&, const std::string& folder)>;
  const std::map<std::string_view, Phase> phases = {
      {"rebuild", Rebuild}, {"open", OpenOnly}, {"order", LookUpInOrder}, {"miss", Miss}, {"random", LookUpAtRandom},
      {"insert", Insert},   {"plan", Plan}};
  uint64_t blobs = 0;
  const std::string_view given = argc == 4 ? argv[3] : "";
  const auto parsed = std::from_chars(given.data(), given.data() + given.size(), blobs);
  const auto phase = phases.find(argc == 4 ? argv[1] : "");
  if (phase == phases.end() || parsed.ptr != given.data() + given.size() || blobs == 0) {
    std::fputs("index_scale PHASE FOLDER BLOBS, with PHASE of:", stderr);
    for (const auto& [name, run] : phases) fmt::print(stderr, " {}", name);
    std::fputs("\n", stderr);
    return 2;
  }
  MadeIndex made(argv[2], blobs);
  phase->second(made, argv[2]);
  return 0;
}

}  // namespace
}  // namespace cairn

int main(int argc, char** argv) { return cairn::Run(argc, argv); }
