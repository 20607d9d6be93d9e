// The few connections that many threads share.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "engine/store/sftp/sftp_connection.h"

namespace cairn::sftp {

// A connection in use, counted; it is shared with others when all are.
class Lease {
 public:
  Lease(std::shared_ptr<Connection> connection, std::shared_ptr<void> use)
      : connection_(std::move(connection)), use_(std::move(use)) {}
  Connection* operator->() const { return connection_.get(); }
  Connection& operator*() const { return *connection_; }

 private:
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<void> use_;  // goes first
};

// What a caller is about to send or get: many bytes, or a few.
enum class Traffic : uint8_t { kFew, kMany };

// Opens connections until each of those who have many bytes has one of his own, up to options.connections_max, several
// at the same time; nobody waits for one who can share another: it takes a dozen ways to the server and back. One that
// has failed is forgotten, and the next call opens another. A server that refuses one more than it has is asked for no
// more.
//
// Safe for concurrent use; no lock is held while it connects. Borrows the clock.
class ConnectionPool {
 public:
  ConnectionPool(SftpPlace place, SftpOptions options, const Clock& clock, std::stop_token stop);
  ~ConnectionPool();

  Result<Lease> Get(Traffic traffic);

 private:
  struct Slot {
    std::shared_ptr<Connection> connection;
    std::shared_ptr<void> few, many;  // the count of each, less one, is that of the leases
    long uses(Traffic traffic) const { return (traffic == Traffic::kMany ? many : few).use_count() - 1; }
  };
  // By those who have many bytes, then by all.
  Slot* LeastUsed();
  static Lease LeaseOf(const Slot& slot, Traffic traffic) {
    return {slot.connection, traffic == Traffic::kMany ? slot.many : slot.few};
  }
  void OpenMore();  // mutex_ is held
  Result<void> Connect();

  const SftpPlace place_;
  const SftpOptions options_;
  const Clock& clock_;
  std::stop_source stop_;  // also when the pool goes
  const std::stop_callback<std::function<void()>> forward_stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;  // guarded by mutex_, as all below
  unsigned connecting_ = 0;  // threads that open one
  unsigned slots_max_;
  uint64_t failures_ = 0;              // to connect
  std::optional<Error> failure_;       // the last of them
  std::vector<std::jthread> openers_;  // all of them are through where connecting_ is 0
};

}  // namespace cairn::sftp
