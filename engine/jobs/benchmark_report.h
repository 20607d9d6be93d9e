// What a benchmark found, and what it says of backups.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn {

// What is measured. First the limits of the machine and the store, then cairn's own stages.
enum class Measure : uint8_t {
  kRead,      // the dump, by one thread
  kSha256,    // the dump's bytes
  kZstd,      // at the level of a backup
  kPut,       // objects of a pack's size, as many at once as a backup puts
  kGet,       // the same objects
  kChunk,     // where a file is cut
  kId,        // ids of blobs
  kCompress,  // frames
  kSeal,      // frames that were compressed, with the check of each
  kVerify,    // frames that were sealed are opened again, and their blobs compared by checksum
  kPackName,  // the hash of a pack
  kHit,       // look-ups of blobs that are there
  kMiss,      // and of those that are not
  kDryRun,    // read, cut, ids, look-ups: all of a backup but what it stores
};
inline constexpr size_t kMeasureCount = static_cast<size_t>(Measure::kDryRun) + 1;
inline constexpr Measure kFirstStage = Measure::kChunk;

std::string_view Name(Measure measure);  // "read", "sha256" ...: for programs

// A second. Of kPut and kGet: bytes of objects; of kHit and kMiss: look-ups; of all else: bytes of the dump.
struct MeasuredRate {
  double one_core = 0, all_cores = 0;  // 0: not measured so
  std::string skipped;                 // why neither was
};

// What bounds a backup, in bytes of the dump a second. 0: not known, or no bound.
struct Bounds {
  double read = 0;                 // by all cores, where that was measured; or as `cut`
  double store = 0;                // what is left of the dump is put
  double cut = 0;                  // the whole dump has fewer files than cores: each is read and cut by one
  double cores = 0;                // all stages, shared by all cores
  Measure heaviest = kFirstStage;  // the stage with the largest part of the cores' work
  double heaviest_share = 0;       // its part, at most 1

  // The measure that holds it back, and the rate at which it does. Where it is the cores: `heaviest`.
  struct HeldBack {
    Measure by = kFirstStage;
    bool by_cores = false;
    double bytes_per_second = 0;
  };
  HeldBack Smallest() const;
};

struct BenchmarkReport {
  unsigned cores = 1;
  bool is_synthetic = false;
  uint64_t files_read = 0, bytes_read = 0;  // of the dump, in the time there was
  bool is_whole = false;                    // that was all of the dump
  uint64_t sample_bytes = 0, sample_chunks = 0;
  double stored_share = 1;  // of the sample's bytes: what is left of them when they are stored
  std::array<MeasuredRate, kMeasureCount> rates;

  MeasuredRate& operator[](Measure measure) { return rates[static_cast<size_t>(measure)]; }
  const MeasuredRate& operator[](Measure measure) const { return rates[static_cast<size_t>(measure)]; }

  Bounds FirstBackup() const;  // all of it is new
  Bounds Reread() const;       // all of it is read, and nothing is new
};

}  // namespace cairn
