// Lines for people, on their way to whoever shows or keeps them.
#pragma once

#include <fmt/core.h>

#include <string_view>
#include <utility>

namespace cairn {

enum class LogLevel { kDebug, kInfo, kWarning };

// Safe for concurrent use. A line never holds a secret; it is one line, without a newline at its end.
class Log {
 public:
  virtual ~Log() = default;
  virtual void Write(LogLevel level, std::string_view line) = 0;

  template <class... Args>
  void Info(fmt::format_string<Args...> text, Args&&... args) {
    Write(LogLevel::kInfo, fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  void Warning(fmt::format_string<Args...> text, Args&&... args) {
    Write(LogLevel::kWarning, fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  void Debug(fmt::format_string<Args...> text, Args&&... args) {
    Write(LogLevel::kDebug, fmt::format(text, std::forward<Args>(args)...));
  }
};

// Throws every line away.
Log& NullLog();

}  // namespace cairn
