#include "engine/jobs/benchmark_sample.h"

#include <algorithm>
#include <cstring>

#include "chunker/cutter.h"
#include "engine/jobs/rate_meter.h"
#include "repo-format/limits.h"

namespace cairn {
namespace {

constexpr size_t kPieceBytes = 4 * kMiB;
constexpr size_t kReadBytes = kMiB;  // at once, as a backup does

// What is text: SPEC section 12.
constexpr size_t kTextBytesMin = kMiB;
constexpr size_t kTextBytesLooked = 8'000;

// Reads files one after the other into pieces, and keeps some of the pieces.
class DumpReader {
 public:
  DumpReader(const JobContext& context, std::chrono::nanoseconds duration, uint64_t bytes_max, FindingSink findings)
      : context_(context),
        duration_(duration),
        pieces_max_(std::max<size_t>(bytes_max / kPieceBytes, 2) - 1),
        findings_(std::move(findings)),
        begin_(context.clock.Steady()) {}

  Result<DumpReading> Run(Source& source) {
    ASSIGN_OR_RETURN(auto root, source.OpenRoot(findings_));
    RETURN_IF_ERROR(Walk(std::move(root)));
    reading_.bytes_per_second = PerSecond(reading_.bytes, context_.clock.Steady() - first_byte_.value_or(begin_));
    reading_.is_whole = !cut_off_;
    NextPiece();
    if (reading_.bytes > 0) return std::move(reading_);
    return MakeError(ErrorCode::kInvalidArgument, "there is not one byte to read in {}{}",
                     cut_off_ ? "what was seen of the dump (a longer --duration sees more)" : "the dump",
                     unread_ ? ": " + unread_->message() : "");
  }

 private:
  struct OpenFolder {
    std::shared_ptr<SourceFolder> folder;
    std::vector<SourceEntry> entries;
    size_t next = 0;
  };

  Result<void> Walk(std::shared_ptr<SourceFolder> root) {
    std::vector<OpenFolder> open;
    RETURN_IF_ERROR(Enter(std::move(root), open));
    while (!open.empty() && !IsOver()) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      OpenFolder& top = open.back();
      if (top.next == top.entries.size()) {
        open.pop_back();
        continue;
      }
      const SourceEntry entry = std::move(top.entries[top.next++]);
      if (entry.type == NodeType::kFile) RETURN_IF_ERROR(ReadFile(*top.folder, entry));
      if (entry.type != NodeType::kFolder || open.size() >= limits::kFolderDepthMax) continue;
      auto inner = top.folder->OpenFolder(entry);
      RETURN_IF_ERROR(inner ? Enter(*std::move(inner), open) : PassOver(inner.error()));
    }
    return {};
  }

  Result<void> Enter(std::shared_ptr<SourceFolder> folder, std::vector<OpenFolder>& open) {
    auto entries = folder->List();
    if (!entries) return PassOver(entries.error());
    open.push_back({std::move(folder), *std::move(entries)});
    return {};
  }

  Result<void> ReadFile(SourceFolder& folder, const SourceEntry& entry) {
    auto file = folder.OpenFile(entry);
    if (!file) return PassOver(file.error());
    ++reading_.files;
    std::optional<bool> is_text;
    while (!IsOver()) {
      const auto extent = (*file)->NextExtent();
      if (!extent) return PassOver(extent.error());
      if (extent->length == 0) return {};
      if (extent->hole) continue;
      run_open_ = false;
      RETURN_IF_ERROR(ReadExtent(**file, entry, is_text));
    }
    return {};
  }

  Result<void> ReadExtent(SourceFile& file, const SourceEntry& entry, std::optional<bool>& is_text) {
    while (!IsOver()) {
      if (context_.stop.stop_requested()) return Error(ErrorCode::kInterrupted, "interrupted");
      if (filled_ + kTextBytesLooked > piece_.bytes.size()) NextPiece();
      const MutableByteSpan room = MutableByteSpan(piece_.bytes).subspan(filled_);
      const auto begin = context_.clock.Steady();
      const auto got = file.Read(room.first(std::min(room.size(), kReadBytes)));
      if (!got) return PassOver(got.error());
      if (*got == 0) return {};
      if (!first_byte_) first_byte_ = begin;
      if (!is_text) {
        const size_t looked = std::min(*got, kTextBytesLooked);
        is_text = entry.size >= kTextBytesMin && std::memchr(room.data(), 0, looked) == nullptr;
      }
      if (!run_open_) piece_.runs.push_back({filled_, 0, *is_text});
      run_open_ = true;
      piece_.runs.back().size += *got;
      filled_ += *got;
      reading_.bytes += *got;
      context_.progress.bytes_done += *got;
    }
    return {};
  }

  // Keeps the one in hand with the chance that all others have, and begins another.
  void NextPiece() {
    run_open_ = false;
    if (filled_ > 0) {
      piece_.bytes.resize(filled_);
      auto& kept = reading_.sample.pieces;
      ++pieces_seen_;
      if (kept.size() < pieces_max_) {
        kept.push_back(std::move(piece_));
      } else if (const uint64_t place = context_.random.Below(pieces_seen_); place < kept.size()) {
        std::swap(kept[place], piece_);
      }
    }
    piece_.runs.clear();
    piece_.bytes.resize(kPieceBytes);
    filled_ = 0;
  }

  Result<void> PassOver(const Error& error) {
    if (EndsJob(error.code())) return error;
    if (!unread_) unread_ = error;
    if (findings_) findings_({Finding::Severity::kWarning, error.code(), "dump", error.message()});
    return {};
  }

  // Asked where there may be more to read.
  bool IsOver() {
    const auto now = context_.clock.Steady();
    cut_off_ = cut_off_ || (first_byte_ ? now - *first_byte_ >= duration_ : now - begin_ >= duration_ * kSearchTimes);
    return cut_off_;
  }

  const JobContext& context_;
  const std::chrono::nanoseconds duration_;
  const size_t pieces_max_;
  const FindingSink findings_;
  const std::chrono::nanoseconds begin_;
  std::optional<std::chrono::nanoseconds> first_byte_;  // when it was asked for
  bool cut_off_ = false;                                // by the time
  DumpReading reading_;
  SamplePiece piece_;
  size_t filled_ = 0;      // of the piece in hand
  bool run_open_ = false;  // what is read next follows the last run
  uint64_t pieces_seen_ = 0;
  std::optional<Error> unread_;  // the first
};

// Rows as a dump of a database has them.
Bytes MakeRows(uint64_t seed) {
  Bytes bytes;
  bytes.reserve(kPieceBytes + 128);
  for (uint64_t i = seed << 32; bytes.size() < kPieceBytes; ++i) {
    const uint64_t hash = i * 0x9e3779b97f4a7c15;
    Append(bytes, AsBytes(fmt::format("{}\tcustomer-{:05}\t{}.{:02}\t{}\t{:08x}\n", i, hash >> 50, hash >> 54,
                                      hash % 100, hash % 7 == 0 ? "open" : "paid", hash >> 32)));
  }
  bytes.resize(kPieceBytes);
  return bytes;
}

// Rows of numbers, half of whose bytes are zero or repeat.
Bytes MakeTable(uint64_t seed) {
  WireWriter writer;
  for (uint64_t i = seed << 32; writer.bytes().size() < kPieceBytes; ++i) {
    const uint64_t hash = i * 0x9e3779b97f4a7c15;
    writer.U64(i);
    writer.U32(static_cast<uint32_t>(hash >> 52));
    writer.U64(hash);
    writer.U64(0);
    writer.U32(7);
  }
  return std::move(writer).Take();
}

}  // namespace

uint64_t BenchmarkSample::bytes() const {
  uint64_t sum = 0;
  for (const SamplePiece& piece : pieces) sum += piece.bytes.size();
  return sum;
}

std::vector<SampleFrame> BenchmarkSample::Frames(const SampleCuts& cuts) const {
  std::vector<SampleFrame> frames;
  for (const SamplePiece& piece : pieces) {
    bool open = false, open_is_text = false;
    CutPiece(piece, cuts, [&](ByteSpan chunk, bool is_text) {
      const uint64_t target = is_text ? cuts.frame_bytes_text : cuts.frame_bytes_files;
      // Runs follow each other, so a frame is one span.
      const bool fits = open && open_is_text == is_text && frames.back().plain.size() + chunk.size() <= target &&
                        frames.back().lengths.size() < limits::kFrameBlobsMax;
      if (!fits) frames.push_back({ByteSpan(chunk.data(), 0), {}});
      open = true;
      open_is_text = is_text;
      SampleFrame& frame = frames.back();
      frame.plain = ByteSpan(frame.plain.data(), frame.plain.size() + chunk.size());
      frame.lengths.push_back(static_cast<uint32_t>(chunk.size()));
    });
  }
  return frames;
}

void CutPiece(const SamplePiece& piece, const SampleCuts& cuts,
              const std::function<void(ByteSpan chunk, bool is_text)>& each) {
  for (const SampleRun& run : piece.runs) {
    const bool as_text = run.is_text && cuts.of_text;
    chunker::Cutter cutter(as_text ? *cuts.of_text : cuts.of_files, cuts.table);
    ByteSpan rest = ByteSpan(piece.bytes).subspan(run.begin, run.size);
    while (!rest.empty()) {
      const uint32_t length = cutter.Next(rest, true);
      each(rest.first(length), as_text);
      rest = rest.subspan(length);
    }
  }
}

Result<DumpReading> ReadDump(const JobContext& context, Source& source, std::chrono::nanoseconds duration,
                             uint64_t bytes_max, const FindingSink& findings) {
  return DumpReader(context, duration, bytes_max, findings).Run(source);
}

BenchmarkSample MakeSyntheticSample(const Random& random, uint64_t bytes_max) {
  BenchmarkSample sample;
  const uint64_t count = std::max<uint64_t>(bytes_max / kPieceBytes, 1);
  for (uint64_t i = 0; i < count; ++i) {
    SamplePiece piece;
    if (i % 4 == 3) {
      piece.bytes.resize(kPieceBytes);
      random.Fill(piece.bytes);
    } else {
      piece.bytes = i % 4 == 2 ? MakeTable(i) : MakeRows(i);
    }
    piece.runs.push_back({0, piece.bytes.size(), i % 4 < 2});
    sample.pieces.push_back(std::move(piece));
  }
  return sample;
}

}  // namespace cairn
