#include "frontends/browse/messages.h"

namespace cairn::browse {

void Messages::Add(Finding::Severity severity, std::string text) {
  const std::lock_guard lock(mutex_);
  ++count_;
  kept_.push_back({severity, std::move(text)});
  if (kept_.size() > kKeptMax) kept_.pop_front();
}

void Messages::Add(const Finding& finding) {
  Add(finding.severity,
      (finding.severity == Finding::Severity::kDamage ? "damage: " : "") + finding.object + ": " + finding.detail);
}

std::vector<Messages::Message> Messages::all() const {
  const std::lock_guard lock(mutex_);
  return {kept_.begin(), kept_.end()};
}

uint64_t Messages::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

Messages::Message Messages::last() const {
  const std::lock_guard lock(mutex_);
  return kept_.empty() ? Message() : kept_.back();
}

}  // namespace cairn::browse
