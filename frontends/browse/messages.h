// What went wrong, and what was told, while somebody looked.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "engine/env/finding.h"

namespace cairn::browse {

// Safe for concurrent use. The last 1000 are kept, and what was dropped is counted.
class Messages {
 public:
  struct Message {
    Finding::Severity severity = Finding::Severity::kNote;
    std::string text;
  };
  void Add(Finding::Severity severity, std::string text);
  void Add(const Finding& finding);
  std::vector<Message> all() const;
  uint64_t count() const;  // also of those that were dropped
  Message last() const;    // an empty one where there is none

  static constexpr size_t kKeptMax = 1000;

 private:
  mutable std::mutex mutex_;
  std::deque<Message> kept_;  // guarded by mutex_
  uint64_t count_ = 0;        // guarded by mutex_
};

}  // namespace cairn::browse
