// Counters that a job adds to and a face samples, and items that it tells.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace cairn {

// Safe for concurrent use; relaxed counters, each true by itself. Totals are 0 while unknown.
struct Progress {
  std::atomic<uint64_t> items_done{0}, items_total{0};  // files, packs, snapshots: what the job counts in
  std::atomic<uint64_t> bytes_done{0}, bytes_total{0};
  std::atomic<uint64_t> errors{0};

  // Of each item that something was done to, as it is done: "new", "changed", "restored", "to restore" (of a dry run),
  // "deleted" ... and its path. Set before a job begins; called by its threads, several at a time. Nobody listens where
  // it is empty.
  std::function<void(std::string_view action, const std::string& path)> on_item;

  void SetPhase(std::string text);    // "reading", "putting packs", ...
  void SetCurrent(std::string text);  // the item in hand
  std::string phase() const;
  std::string current() const;

 private:
  mutable std::mutex mutex_;
  std::string phase_, current_;  // guarded by mutex_
};

}  // namespace cairn
