#include "frontends/cli/benchmark_text.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "frontends/cli/text.h"

namespace cairn {
namespace {

std::string Rate(double bytes_per_second) { return HumanBytes(static_cast<uint64_t>(bytes_per_second)) + "/s"; }

bool CountsLookUps(Measure measure) { return measure == Measure::kHit || measure == Measure::kMiss; }

nlohmann::json NumberOrNull(double value) { return value > 0 ? nlohmann::json(value) : nlohmann::json(); }

std::string Cores(unsigned count) { return count == 1 ? "1 core" : fmt::format("{} cores", count); }

// What holds back, after "is held back by".
std::string_view Noun(Measure measure) {
  switch (measure) {
    case Measure::kRead:
      return "reading the dump";
    case Measure::kPut:
      return "the store";
    case Measure::kChunk:
      return "chunking";
    case Measure::kId:
      return "the ids of blobs";
    case Measure::kHit:
    case Measure::kMiss:
      return "look-ups in the index";
    case Measure::kCompress:
      return "compression";
    case Measure::kSeal:
      return "sealing";
    case Measure::kVerify:
      return "opening again what was sealed";
    case Measure::kPackName:
      return "the hashes of packs";
    default:
      return "the machine";
  }
}

}  // namespace

std::string BenchmarkText::Label(Measure measure) const {
  switch (measure) {
    case Measure::kRead:
      return "read the dump";
    case Measure::kSha256:
      return "SHA-256";
    case Measure::kZstd:
      return fmt::format("zstd, level {}", level_);
    case Measure::kPut:
      return "put objects into the store";
    case Measure::kGet:
      return "get them back";
    case Measure::kChunk:
      return "cut into chunks";
    case Measure::kId:
      return "ids of blobs";
    case Measure::kCompress:
      return "compress frames";
    case Measure::kSeal:
      return "seal them";
    case Measure::kVerify:
      return "open them again, to verify";
    case Measure::kPackName:
      return "hash packs";
    case Measure::kHit:
      return "look up blobs that are there";
    case Measure::kMiss:
      return "look up blobs that are new";
    case Measure::kDryRun:
      return "dry run: read, cut, ids, look up";
  }
  return "";
}

std::string BenchmarkText::RateText(Measure measure, double rate) const {
  if (rate <= 0) return "-";
  return CountsLookUps(measure) ? HumanCount(static_cast<uint64_t>(rate)) + " /s" : Rate(rate);
}

std::string BenchmarkText::Tables() const {
  std::string text;
  const std::string all = report_.cores == 1 ? "at most" : fmt::format("{} cores", report_.cores);
  const auto add = [&](const std::string& title, size_t first, size_t end) {
    Table table({title, ">one core", ">" + all});
    for (size_t i = first; i < end; ++i) {
      const auto measure = static_cast<Measure>(i);
      const MeasuredRate& rate = report_[measure];
      if (!rate.skipped.empty()) continue;
      table.Add({Label(measure), RateText(measure, rate.one_core), RateText(measure, rate.all_cores)});
    }
    text += table.Text() + "\n";
  };
  add("limits", 0, static_cast<size_t>(kFirstStage));
  add("stages of cairn", static_cast<size_t>(kFirstStage), kMeasureCount);
  return text;
}

std::string BenchmarkText::Data() const {
  const std::string what =
      report_.is_synthetic
          ? "synthetic data (rows, tables, noise)"
          : fmt::format("the dump's {}{} ({} {})", report_.is_whole ? "" : "first ", HumanBytes(report_.bytes_read),
                        HumanCount(report_.files_read), report_.files_read == 1 ? "file" : "files");
  return fmt::format("measured with {} of {}: {} chunks, stored as {:.0f} %\n", HumanBytes(report_.sample_bytes), what,
                     HumanCount(report_.sample_chunks), report_.stored_share * 100);
}

std::string BenchmarkText::Notes() const {
  std::string text = Data();
  if (!tried_.path.empty()) {
    text +=
        fmt::format("store: tried in {}, {}: nothing was put into the repository\n", tried_.path,
                    tried_.left.empty() ? "which is gone again" : "which is left, and yours to remove: " + tried_.left);
  }
  for (size_t i = 0; i < kMeasureCount; ++i) {
    const auto measure = static_cast<Measure>(i);
    if (report_[measure].skipped.empty()) continue;
    text += fmt::format("not measured: {}: {}\n", Label(measure), report_[measure].skipped);
  }
  if (report_[Measure::kHit].skipped.empty()) {
    text += fmt::format(
        "{}: each is asked for once, in the order in which it was written, as a backup does that finds "
        "nothing new\n",
        Label(Measure::kHit));
  }
  return text + "what this machine still has in memory is read from there, the dump and the objects alike\n";
}

std::string BenchmarkText::Sentence(const std::string& what, const Bounds& bounds) const {
  const Bounds::HeldBack held = bounds.Smallest();
  std::string text = fmt::format("{} is held back by {}", what, Noun(held.by));
  if (held.by_cores) {
    text += fmt::format(", {:.0f} % of the work: {} on {}", bounds.heaviest_share * 100, Rate(held.bytes_per_second),
                        Cores(report_.cores));
  } else {
    text += fmt::format(": {}", Rate(held.bytes_per_second));
    if (held.by == Measure::kChunk) text += ", for a file is cut by one core";
    text += fmt::format("; {} would do {}", Cores(report_.cores), Rate(bounds.cores));
  }
  if (const double read = report_[Measure::kRead].one_core; held.by != Measure::kRead && read > 0) {
    text += fmt::format("; one thread reads the dump at {}", Rate(read));
  }
  if (held.by != Measure::kPut && bounds.store > 0) {
    text += fmt::format("; the store takes {} of it", Rate(bounds.store));
  }
  return text + "\n";
}

std::string BenchmarkText::Text() const {
  return Tables() + Notes() + "\n" + Sentence("a first backup", report_.FirstBackup()) +
         Sentence("reading all again, where nothing is new,", report_.Reread());
}

nlohmann::json BenchmarkText::Json() const {
  const auto rates = [&](size_t first, size_t end) {
    nlohmann::json object = nlohmann::json::object();
    for (size_t i = first; i < end; ++i) {
      const auto measure = static_cast<Measure>(i);
      const MeasuredRate& rate = report_[measure];
      nlohmann::json& one = object[std::string(Name(measure))];
      one = {{"unit", CountsLookUps(measure) ? "lookups_per_second" : "bytes_per_second"},
             {"one_core", NumberOrNull(rate.one_core)},
             {"all_cores", NumberOrNull(rate.all_cores)}};
      if (!rate.skipped.empty()) one["skipped"] = rate.skipped;
    }
    return object;
  };
  const auto held_back = [&](const std::string& what, const Bounds& bounds) -> nlohmann::json {
    const Bounds::HeldBack held = bounds.Smallest();
    std::string sentence = Sentence(what, bounds);
    sentence.pop_back();
    return {{"by", Name(held.by)},
            {"bytes_per_second", held.bytes_per_second},
            {"read", NumberOrNull(bounds.read)},
            {"store", NumberOrNull(bounds.store)},
            {"cut", NumberOrNull(bounds.cut)},
            {"cores", NumberOrNull(bounds.cores)},
            {"sentence", sentence}};
  };
  return {{"message_type", "summary"},
          {"cores", report_.cores},
          {"compression_level", level_},
          {"synthetic", report_.is_synthetic},
          {"whole_dump_read", report_.is_whole},
          {"scratch_left", tried_.left.empty() ? nlohmann::json() : nlohmann::json(tried_.path)},
          {"files_read", report_.files_read},
          {"bytes_read", report_.bytes_read},
          {"sample_bytes", report_.sample_bytes},
          {"sample_chunks", report_.sample_chunks},
          {"stored_share", report_.stored_share},
          {"limits", rates(0, static_cast<size_t>(kFirstStage))},
          {"stages", rates(static_cast<size_t>(kFirstStage), kMeasureCount)},
          {"held_back",
           {{"first_backup", held_back("a first backup", report_.FirstBackup())},
            {"reread", held_back("reading all again, where nothing is new,", report_.Reread())}}}};
}

}  // namespace cairn
