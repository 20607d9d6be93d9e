// Counters that a job adds to and a face samples.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

namespace cairn {

// Safe for concurrent use; relaxed counters, each true by itself. Totals are 0 while unknown.
struct Progress {
  std::atomic<uint64_t> items_done{0}, items_total{0};  // files, packs, snapshots: what the job counts in
  std::atomic<uint64_t> bytes_done{0}, bytes_total{0};
  std::atomic<uint64_t> errors{0};

  void SetPhase(std::string text);    // "reading", "putting packs", ...
  void SetCurrent(std::string text);  // the item in hand
  std::string phase() const;
  std::string current() const;

 private:
  mutable std::mutex mutex_;
  std::string phase_, current_;  // guarded by mutex_
};

}  // namespace cairn
