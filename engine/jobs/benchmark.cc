#include "engine/jobs/benchmark.h"

#include <algorithm>

#include "engine/codec/compressor.h"
#include "engine/jobs/backup.h"
#include "engine/jobs/benchmark_source.h"
#include "engine/jobs/content_backup.h"
#include "engine/jobs/frame_trial.h"
#include "engine/jobs/known_blobs.h"
#include "engine/jobs/rate_meter.h"
#include "engine/repo/write_session.h"

namespace cairn {
namespace {

chunker::ChunkerParams ParamsOf(const ChunkerSettings& settings) {
  return {static_cast<chunker::ChunkerKind>(settings.chunker), settings.size_min, settings.size_average,
          settings.size_max};
}

// As a backup of files cuts them.
Result<SampleCuts> CutsFor(const Keyring& keyring, const Limits& limits) {
  ASSIGN_OR_RETURN(const Secret32* chunking_key, keyring.chunking_key());
  const Bytes material = GearMaterial(chunking_key->bytes());
  SampleCuts cuts{
      .of_files = {},
      .of_text = {},
      .frame_bytes_files = limits.frame_bytes_files,
      .frame_bytes_text = limits.frame_bytes_rows,
      .table = chunker::GearTable::FromMaterial(std::span<const uint8_t, chunker::GearTable::kMaterialSize>(material))};
  for (const ChunkerSettings& settings : keyring.sealed_part().chunkers) {
    if (settings.source == SourceKind::kFiles) cuts.of_files = ParamsOf(settings);
    if (settings.source == SourceKind::kRows) cuts.of_text = ParamsOf(settings);
  }
  for (const auto& params : {cuts.of_files, cuts.of_text.value_or(cuts.of_files)}) {
    const auto problem = params.Problem();
    const ErrorCode code = params.IsUnsupported() ? ErrorCode::kUnsupported : ErrorCode::kCorrupt;
    if (problem) return MakeError(code, "the config's chunker cannot be used: {}", *problem);
  }
  return cuts;
}

double Limited(double rate, uint64_t bytes_per_second) {
  return bytes_per_second == 0 ? rate : std::min(rate, static_cast<double>(bytes_per_second));
}

class BenchmarkRun {
 public:
  BenchmarkRun(const JobContext& context, Repository& repository, const BenchmarkOptions& options,
               const FindingSink& findings)
      : context_(context),
        repository_(repository),
        options_(options),
        findings_(findings),
        meter_(context, options.duration) {}

  Result<BenchmarkReport> Run() {
    report_.cores = context_.executor.workers();
    ASSIGN_OR_RETURN(const SampleCuts cuts, CutsFor(repository_.keyring(), context_.limits));
    RETURN_IF_ERROR(ReadSample());  // first: the dump is in this machine's memory afterwards
    RETURN_IF_ERROR(MeasureStore());
    RETURN_IF_ERROR(MeasureMachine());
    RETURN_IF_ERROR(MeasureStages(cuts));
    RETURN_IF_ERROR(MeasureLookUps());
    RETURN_IF_ERROR(MeasureDryRun());
    return std::move(report_);
  }

 private:
  void SetPhase(Measure measure) const { context_.progress.SetPhase(fmt::format("measuring {}", Name(measure))); }

  Result<void> ReadSample() {
    SetPhase(Measure::kRead);
    const uint64_t bytes_max = context_.limits.memory_bytes / 8;
    report_.is_synthetic = !options_.make_source;
    if (report_.is_synthetic) {
      report_[Measure::kRead].skipped = "there is no dump: name a file or folder";
      sample_ = MakeSyntheticSample(context_.random, bytes_max);
    } else {
      ASSIGN_OR_RETURN(const auto source, options_.make_source());
      ASSIGN_OR_RETURN(DumpReading reading, ReadDump(context_, *source, options_.duration, bytes_max, findings_));
      sample_ = std::move(reading.sample);
      report_.files_read = reading.files;
      report_.bytes_read = reading.bytes;
      report_.is_whole = reading.is_whole;
      report_[Measure::kRead].one_core = reading.bytes_per_second;
    }
    report_.sample_bytes = sample_.bytes();
    return {};
  }

  Result<void> MeasureStore() {
    const auto scratch = options_.make_scratch();
    if (!scratch) {
      report_[Measure::kPut].skipped = report_[Measure::kGet].skipped = scratch.error().message();
      return {};
    }
    auto measured = MeasureScratch(**scratch);
    options_.drop_scratch();
    return measured;
  }

  // Objects are put over each other, as a scratch store allows: the disk holds a few of them at any time.
  Result<void> MeasureScratch(ObjectStore& scratch) {
    std::vector<ObjectName> names;
    const unsigned objects = BenchmarkOptions::Objects(context_.limits, context_.executor.workers());
    for (unsigned i = 0; i < objects; ++i) {
      ASSIGN_OR_RETURN(ObjectName name, ObjectName::Parse(fmt::format("benchmark/{}", i)));
      names.push_back(std::move(name));
    }
    const auto threads = static_cast<unsigned>(names.size());
    const auto pool = MakeThreadPool(threads);
    Bytes object(BenchmarkOptions::ObjectBytes(context_.limits));
    context_.random.Fill(object);
    SetPhase(Measure::kPut);
    ASSIGN_OR_RETURN(const double put, meter_.Run(*pool, threads, [&](uint64_t call) -> Result<uint64_t> {
      RETURN_IF_ERROR(scratch.Put(names[call % threads], object));
      return object.size();
    }));
    SetPhase(Measure::kGet);
    ASSIGN_OR_RETURN(const double get, meter_.Run(*pool, threads, [&](uint64_t call) -> Result<uint64_t> {
      ASSIGN_OR_RETURN(const Bytes got, scratch.Get(names[call % threads], object.size()));
      if (got.size() == object.size()) return got.size();
      return Corrupt("{} has {} bytes, {} were put", names[call % threads].text(), got.size(), object.size());
    }));
    report_[Measure::kPut].all_cores = Limited(put, options_.bandwidth.upload);
    report_[Measure::kGet].all_cores = Limited(get, options_.bandwidth.download);
    return {};
  }

  // On one core, and on all.
  Result<void> MeasureCores(Measure measure, const RateMeter::Work& work) {
    SetPhase(measure);
    MeasuredRate& rate = report_[measure];
    ASSIGN_OR_RETURN(rate.one_core, meter_.Run(context_.executor, 1, work));
    rate.all_cores = rate.one_core;
    if (report_.cores < 2) return {};
    ASSIGN_OR_RETURN(rate.all_cores, meter_.Run(context_.executor, report_.cores, work));
    return {};
  }

  // The libraries, on plain runs of the sample.
  Result<void> MeasureMachine() {
    std::vector<ByteSpan> runs;
    for (const SamplePiece& piece : sample_.pieces) {
      for (ByteSpan rest(piece.bytes); !rest.empty(); rest = rest.subspan(runs.back().size())) {
        runs.push_back(rest.first(std::min<size_t>(rest.size(), kMiB)));
      }
    }
    RETURN_IF_ERROR(MeasureCores(Measure::kSha256, [&](uint64_t call) -> Result<uint64_t> {
      Sha256(runs[call % runs.size()]);
      return runs[call % runs.size()].size();
    }));
    if (options_.compression.level == 0) {
      report_[Measure::kZstd].skipped = report_[Measure::kCompress].skipped = "compression is off";
      return {};
    }
    return MeasureCores(Measure::kZstd, [&](uint64_t call) -> Result<uint64_t> {
      Bytes compressed;
      TryCompress(runs[call % runs.size()], options_.compression.level, &compressed);
      return runs[call % runs.size()].size();
    });
  }

  Result<void> MeasureStages(const SampleCuts& cuts) {
    RETURN_IF_ERROR(MeasureCores(Measure::kChunk, [&](uint64_t call) -> Result<uint64_t> {
      const SamplePiece& piece = sample_.pieces[call % sample_.pieces.size()];
      CutPiece(piece, cuts, [](ByteSpan, bool) {});
      return piece.bytes.size();
    }));
    std::vector<SampleFrame> frames = sample_.Frames(cuts);
    for (const SampleFrame& frame : frames) report_.sample_chunks += frame.lengths.size();
    FrameTrial trial(repository_, context_.random, options_.compression);
    RETURN_IF_ERROR(MeasureCores(
        Measure::kId, [&](uint64_t call) -> Result<uint64_t> { return trial.Identify(frames[call % frames.size()]); }));
    if (report_[Measure::kCompress].skipped.empty()) {
      RETURN_IF_ERROR(MeasureCores(Measure::kCompress, [&](uint64_t call) -> Result<uint64_t> {
        return trial.Compress(frames[call % frames.size()]);
      }));
    }
    ASSIGN_OR_RETURN(const std::vector<TriedFrame> tried, TryFrames(trial, frames));
    const auto frame = [&](uint64_t call) -> const TriedFrame& { return tried[call % tried.size()]; };
    RETURN_IF_ERROR(
        MeasureCores(Measure::kSeal, [&](uint64_t call) -> Result<uint64_t> { return trial.Seal(frame(call)); }));
    RETURN_IF_ERROR(MeasureCores(Measure::kVerify, [&](uint64_t call) { return trial.Verify(frame(call)); }));
    return MeasureCores(Measure::kPackName,
                        [&](uint64_t call) -> Result<uint64_t> { return trial.HashSealed(frame(call)); });
  }

  // As many frames as there is time for, compressed and sealed.
  Result<std::vector<TriedFrame>> TryFrames(const FrameTrial& trial, const std::vector<SampleFrame>& frames) {
    const auto begin = context_.clock.Steady();
    std::vector<TriedFrame> tried;
    uint64_t plain_bytes = 0, sealed_bytes = 0;
    for (const SampleFrame& frame : frames) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      if (!tried.empty() && context_.clock.Steady() - begin >= options_.duration) break;
      tried.push_back(trial.Try(frame));
      plain_bytes += frame.plain.size();
      sealed_bytes += tried.back().sealed.size();
    }
    report_.stored_share = static_cast<double>(sealed_bytes) / static_cast<double>(plain_bytes);
    return tried;
  }

  Result<void> MeasureLookUps() {
    SetPhase(Measure::kHit);
    MeasuredRate& hit = report_[Measure::kHit];
    ASSIGN_OR_RETURN(auto index, repository_.LoadIndex(context_));
    ASSIGN_OR_RETURN(const KnownBlobs known, KnownBlobs::Choose(*index, context_, options_.duration));
    if (known.empty()) {
      hit.skipped = report_[Measure::kMiss].skipped = "the repository holds no blobs yet";
      return {};
    }
    const auto look_up = [&](uint64_t call) { return known.LookUp(*index, call); };
    ASSIGN_OR_RETURN(hit.one_core, meter_.Run(context_.executor, 1, look_up));
    hit.all_cores = hit.one_core;
    if (report_.cores > 1) {
      index.reset();  // for it remembers blobs that were asked for, and what is near them
      ASSIGN_OR_RETURN(index, repository_.LoadIndex(context_));
      ASSIGN_OR_RETURN(hit.all_cores, meter_.Run(context_.executor, report_.cores, look_up));
    }
    return MeasureCores(Measure::kMiss, [&](uint64_t call) { return known.LookUpAbsent(*index, call); });
  }

  // The real thing, from the dump to the look-up.
  Result<void> MeasureDryRun() {
    if (const auto host = repository_.NeedHost(options_.host); !host) {
      report_[Measure::kDryRun].skipped = host.error().message();
      return {};
    }
    std::unique_ptr<Source> source;
    if (report_.is_synthetic) {
      source = MakeSampleSource(sample_);
    } else {
      sample_ = {};
      ASSIGN_OR_RETURN(source, options_.make_source());
    }
    const auto deadline = std::make_shared<SourceDeadline>(context_.clock, options_.duration);
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(MakeBoundedSource(std::move(source), deadline));
    Progress progress;  // its items are not told of: nothing is backed up
    const JobContext context{context_.executor, context_.clock, context_.random, progress,
                             context_.log,      context_.stop,  context_.limits};
    SetPhase(Measure::kDryRun);
    ASSIGN_OR_RETURN(const BackupReport backup,
                     RunBackup(context, repository_, std::move(sources),
                               {.host = options_.host, .force = true, .dry_run = true}, FindingSink()));
    if (backup.bytes_read > 0) {
      report_[Measure::kDryRun].all_cores = PerSecond(backup.bytes_read, deadline->Span());
    } else {
      report_[Measure::kDryRun].skipped = "not one byte was reached in the time there was: a longer --duration helps";
    }
    return {};
  }

  const JobContext& context_;
  Repository& repository_;
  const BenchmarkOptions& options_;
  const FindingSink& findings_;
  const RateMeter meter_;
  BenchmarkSample sample_;
  BenchmarkReport report_;
};

}  // namespace

uint64_t BenchmarkOptions::ObjectBytes(const Limits& limits) {
  return std::min(limits.pack_bytes, limits.memory_bytes / 8);
}

unsigned BenchmarkOptions::Objects(const Limits& limits, unsigned threads) {
  const uint64_t fit = limits.memory_bytes / 4 / std::max<uint64_t>(ObjectBytes(limits), 1);
  return static_cast<unsigned>(std::clamp<uint64_t>(fit, 1, PutsAtOnce(/*is_far=*/false, limits, threads)));
}

Result<BenchmarkReport> RunBenchmark(const JobContext& context, Repository& repository, const BenchmarkOptions& options,
                                     const FindingSink& findings) {
  return BenchmarkRun(context, repository, options, findings).Run();
}

}  // namespace cairn
