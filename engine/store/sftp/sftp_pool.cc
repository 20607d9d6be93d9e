#include "engine/store/sftp/sftp_pool.h"

#include <algorithm>
#include <system_error>
#include <tuple>

namespace cairn::sftp {

ConnectionPool::ConnectionPool(SftpPlace place, SftpOptions options, const Clock& clock, std::stop_token stop)
    : place_(std::move(place)),
      options_(std::move(options)),
      clock_(clock),
      forward_stop_(std::move(stop), [this] { stop_.request_stop(); }),
      slots_max_(std::max(options_.connections_max, 1U)) {}

// All are asked to end before the first is waited for.
ConnectionPool::~ConnectionPool() {
  stop_.request_stop();
  openers_.clear();
  for (const Slot& slot : slots_) slot.connection->Finish();
}

ConnectionPool::Slot* ConnectionPool::LeastUsed() {
  const auto best = std::ranges::min_element(
      slots_, {}, [](const Slot& slot) { return std::tuple(slot.uses(Traffic::kMany), slot.uses(Traffic::kFew)); });
  return best == slots_.end() ? nullptr : &*best;
}

Result<Lease> ConnectionPool::Get(Traffic traffic) {
  std::vector<Slot> failed;  // their end is waited for without the lock
  std::unique_lock lock(mutex_);
  for (;;) {
    for (Slot& slot : slots_) {
      if (slot.connection->has_failed()) failed.push_back(std::move(slot));
    }
    std::erase_if(slots_, [](const Slot& slot) { return slot.connection == nullptr; });
    if (const Slot* best = LeastUsed()) {
      Lease lease = LeaseOf(*best, traffic);
      if (traffic == Traffic::kMany) OpenMore();
      return lease;
    }
    if (connecting_ == 0) break;
    const uint64_t failures = failures_;
    changed_.wait(lock);                                            // for the one that is on its way
    if (failures_ != failures && slots_.empty()) return *failure_;  // not one after the other, each for its time
  }
  ++connecting_;
  lock.unlock();
  failed.clear();
  RETURN_IF_ERROR(Connect());
  lock.lock();
  const Slot* best = LeastUsed();
  if (best == nullptr) return Error(ErrorCode::kIo, "the connection to " + place_.Login() + " broke").Transient();
  return LeaseOf(*best, traffic);
}

// As many as those who have many bytes lack. Without a thread there are no more.
void ConnectionPool::OpenMore() {
  size_t wanted = 0;
  for (const Slot& slot : slots_) wanted += static_cast<size_t>(slot.uses(Traffic::kMany));
  wanted = std::min<size_t>(wanted, slots_max_);
  if (connecting_ == 0) openers_.clear();
  while (slots_.size() + connecting_ < wanted) {
    ++connecting_;
    try {
      openers_.emplace_back([this] { IgnoreError(Connect(), "there is another one"); });
    } catch (const std::system_error&) {
      --connecting_;
      slots_max_ = static_cast<unsigned>(slots_.size());
      return;
    }
  }
}

Result<void> ConnectionPool::Connect() {
  auto opened = Connection::Open(place_, options_, clock_, stop_.get_token());
  const std::lock_guard lock(mutex_);
  --connecting_;
  changed_.notify_all();
  if (!opened) {
    // It serves no more than these at once.
    ++failures_;
    failure_ = opened.error();
    if (!slots_.empty()) slots_max_ = static_cast<unsigned>(slots_.size());
    return std::move(opened).error();
  }
  slots_.push_back({*std::move(opened), std::make_shared<int>(0), std::make_shared<int>(0)});
  slots_max_ = std::max(slots_max_, static_cast<unsigned>(slots_.size()));  // another one was refused meanwhile
  return {};
}

}  // namespace cairn::sftp
