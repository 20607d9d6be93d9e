// Bytes of a dump in memory, to try the stages of a backup on.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "chunker/gear_table.h"
#include "chunker/params.h"
#include "engine/env/job_context.h"
#include "engine/source/source.h"

namespace cairn {

// Bytes that follow each other in one file.
struct SampleRun {
  size_t begin = 0, size = 0;  // in the piece
  bool is_text = false;        // SPEC section 12: it is cut as rows
};

struct SamplePiece {
  Bytes bytes;
  std::vector<SampleRun> runs;
};

// Chunks that a backup would compress and seal together. Borrows the piece.
struct SampleFrame {
  ByteSpan plain;
  std::vector<uint32_t> lengths;  // of the chunks, which fill it
};

// How files are cut, and what becomes a frame.
struct SampleCuts {
  chunker::ChunkerParams of_files;
  std::optional<chunker::ChunkerParams> of_text;
  uint64_t frame_bytes_files = 0, frame_bytes_text = 0;
  chunker::GearTable table;
};

// Immutable once it is made. Memory: at most bytes_max, or one piece of 4 MiB and the one that is being read.
struct BenchmarkSample {
  std::vector<SamplePiece> pieces;  // none is empty

  uint64_t bytes() const;
  std::vector<SampleFrame> Frames(const SampleCuts& cuts) const;
};

// Where the runs of a piece are cut, as the backup of a file does it. `is_text` is the run's.
void CutPiece(const SamplePiece& piece, const SampleCuts& cuts,
              const std::function<void(ByteSpan chunk, bool is_text)>& each);

struct DumpReading {
  BenchmarkSample sample;  // of all that was read, each piece with the same chance
  uint64_t files = 0, bytes = 0;
  bool is_whole = false;        // read to its end
  double bytes_per_second = 0;  // from the first one
};
// Reads a dump from its beginning to its end, or for as long as there is time, with one thread: `duration` from the
// first byte, which is looked for kSearchTimes as long. What cannot be read is told and passed over; kInvalidArgument
// where there is not one byte.
inline constexpr int kSearchTimes = 10;
Result<DumpReading> ReadDump(const JobContext& context, Source& source, std::chrono::nanoseconds duration,
                             uint64_t bytes_max, const FindingSink& findings);

// Where there is no dump: rows of text, tables of numbers, and noise (media, and what is compressed already).
BenchmarkSample MakeSyntheticSample(const Random& random, uint64_t bytes_max);

}  // namespace cairn
