#include "engine/env/progress.h"

#include <utility>

namespace cairn {

void Progress::SetPhase(std::string text) {
  const std::lock_guard lock(mutex_);
  phase_ = std::move(text);
}

void Progress::SetCurrent(std::string text) {
  const std::lock_guard lock(mutex_);
  current_ = std::move(text);
}

std::string Progress::phase() const {
  const std::lock_guard lock(mutex_);
  return phase_;
}

std::string Progress::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

}  // namespace cairn
