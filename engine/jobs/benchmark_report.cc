#include "engine/jobs/benchmark_report.h"

#include <algorithm>
#include <initializer_list>

namespace cairn {
namespace {

// Bytes of the dump a second, on all cores; 0: it was not measured.
double StageRate(const BenchmarkReport& report, Measure stage) {
  const double rate = report[stage].all_cores;
  if (stage != Measure::kHit && stage != Measure::kMiss) return rate;
  if (report.sample_chunks == 0) return 0;
  return rate * static_cast<double>(report.sample_bytes) / static_cast<double>(report.sample_chunks);
}

// The stages follow each other on the same cores, so that their times add up.
void AddStages(const BenchmarkReport& report, std::initializer_list<Measure> stages, Bounds& bounds) {
  double seconds_per_byte = 0, heaviest = 0;
  for (const Measure stage : stages) {
    const double rate = StageRate(report, stage);
    if (rate <= 0) continue;
    seconds_per_byte += 1 / rate;
    if (1 / rate <= heaviest) continue;
    heaviest = 1 / rate;
    bounds.heaviest = stage;
  }
  if (seconds_per_byte <= 0) return;
  bounds.cores = 1 / seconds_per_byte;
  bounds.heaviest_share = heaviest / seconds_per_byte;
}

Bounds Common(const BenchmarkReport& report) {
  Bounds bounds;
  bounds.read = report[Measure::kRead].all_cores;
  // Of a dump that was not seen to its end nobody knows how many more files it has, that other cores read meanwhile.
  if (report.is_synthetic || !report.is_whole || report.files_read >= report.cores) return bounds;
  const auto files = static_cast<double>(std::max<uint64_t>(report.files_read, 1));
  bounds.cut = report[Measure::kChunk].one_core * files;
  if (bounds.read <= 0) bounds.read = report[Measure::kRead].one_core * files;
  return bounds;
}

}  // namespace

std::string_view Name(Measure measure) {
  constexpr std::array<std::string_view, kMeasureCount> kNames = {"read",      "sha256", "zstd",     "put",    "get",
                                                                  "chunk",     "id",     "compress", "seal",   "verify",
                                                                  "pack_name", "hit",    "miss",     "dry_run"};
  return kNames[static_cast<size_t>(measure)];
}

Bounds::HeldBack Bounds::Smallest() const {
  HeldBack held{heaviest, true, cores};
  for (const auto& [measure, rate] :
       {std::pair(Measure::kRead, read), {Measure::kPut, store}, {Measure::kChunk, cut}}) {
    if (rate > 0 && (held.bytes_per_second <= 0 || rate < held.bytes_per_second)) held = {measure, false, rate};
  }
  return held;
}

Bounds BenchmarkReport::FirstBackup() const {
  Bounds bounds = Common(*this);
  if (stored_share > 0) bounds.store = (*this)[Measure::kPut].all_cores / stored_share;
  AddStages(*this,
            {Measure::kChunk, Measure::kId, Measure::kMiss, Measure::kCompress, Measure::kSeal, Measure::kVerify,
             Measure::kPackName},
            bounds);
  return bounds;
}

Bounds BenchmarkReport::Reread() const {
  Bounds bounds = Common(*this);
  AddStages(*this, {Measure::kChunk, Measure::kId, Measure::kHit}, bounds);
  return bounds;
}

}  // namespace cairn
