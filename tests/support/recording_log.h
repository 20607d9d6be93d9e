// A log that a test can read.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/env/log.h"

namespace cairn {

// Safe for concurrent use.
class RecordingLog final : public Log {
 public:
  void Write(LogLevel level, std::string_view line) override {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(level, line);
  }
  // Those of at least this level.
  std::vector<std::string> Lines(LogLevel level_min = LogLevel::kDebug) const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> lines;
    for (const auto& [level, line] : lines_) {
      if (level >= level_min) lines.push_back(line);
    }
    return lines;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<LogLevel, std::string>> lines_;  // guarded by mutex_
};

}  // namespace cairn
