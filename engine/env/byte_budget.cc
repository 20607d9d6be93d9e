#include "engine/env/byte_budget.h"

#include <algorithm>

#include "repo-format/base/check.h"

namespace cairn {

ByteBudget::ByteBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}

Result<void> ByteBudget::Acquire(uint64_t bytes, const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const uint64_t ticket = next_ticket_++;
  waiting_.push_back(ticket);
  const bool granted = changed_.wait(lock, stop, [&] {
    const bool fits = used_ == 0 || (bytes <= bytes_max_ && used_ <= bytes_max_ - bytes);
    return waiting_.front() == ticket && fits;
  });
  waiting_.erase(std::ranges::find(waiting_, ticket));
  if (granted) used_ += bytes;
  lock.unlock();
  changed_.notify_all();  // whoever is first now may fit as well
  if (!granted) return Error(ErrorCode::kInterrupted, "interrupted");
  return {};
}

void ByteBudget::Release(uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    CHECK(bytes <= used_);
    used_ -= bytes;
  }
  changed_.notify_all();
}

uint64_t ByteBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace cairn
