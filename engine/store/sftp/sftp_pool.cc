#include "engine/store/sftp/sftp_pool.h"

#include <algorithm>

namespace cairn::sftp {

ConnectionPool::ConnectionPool(SftpPlace place, SftpOptions options, const Clock& clock, std::stop_token stop)
    : place_(std::move(place)),
      options_(std::move(options)),
      clock_(clock),
      stop_(std::move(stop)),
      slots_max_(std::max(options_.connections_max, 1U)) {}

// All are asked to end before the first is waited for.
ConnectionPool::~ConnectionPool() {
  for (const Slot& slot : slots_) slot.connection->Finish();
}

ConnectionPool::Slot* ConnectionPool::LeastUsed() {
  Slot* best = nullptr;
  for (Slot& slot : slots_) {
    if (best == nullptr || slot.use.use_count() < best->use.use_count()) best = &slot;
  }
  return best;
}

Result<Lease> ConnectionPool::Get() {
  std::vector<Slot> failed;  // their end is waited for without the lock
  std::unique_lock lock(mutex_);
  for (;;) {
    for (Slot& slot : slots_) {
      if (slot.connection->has_failed()) failed.push_back(std::move(slot));
    }
    std::erase_if(slots_, [](const Slot& slot) { return slot.connection == nullptr; });
    const Slot* best = LeastUsed();
    const bool is_full = slots_.size() + connecting_ >= slots_max_;
    if (best != nullptr && (best->use.use_count() == 1 || is_full)) return LeaseOf(*best);
    if (!is_full) break;
    changed_.wait(lock);  // one that is on its way
  }
  ++connecting_;
  lock.unlock();
  failed.clear();
  auto opened = Connection::Open(place_, options_, clock_, stop_);
  lock.lock();
  --connecting_;
  changed_.notify_all();
  if (opened) {
    slots_.push_back({*std::move(opened), std::make_shared<int>(0)});
    return LeaseOf(slots_.back());
  }
  const Slot* other = LeastUsed();
  if (other == nullptr || other->connection->has_failed()) return std::move(opened).error();
  slots_max_ = static_cast<unsigned>(slots_.size());  // it serves no more than these at once
  return LeaseOf(*other);
}

}  // namespace cairn::sftp
