// The few connections that many threads share.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
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

// Opens a connection when all that there are are in use, up to options.connections_max; one that has failed is
// forgotten, and the next call opens another. A server that refuses one more than it has is asked for no more.
//
// Safe for concurrent use; no lock is held while it connects. Borrows the clock.
class ConnectionPool {
 public:
  ConnectionPool(SftpPlace place, SftpOptions options, const Clock& clock, std::stop_token stop);
  ~ConnectionPool();

  Result<Lease> Get();

 private:
  struct Slot {
    std::shared_ptr<Connection> connection;
    std::shared_ptr<void> use;  // its count, less one, is that of the leases
  };
  Slot* LeastUsed();
  static Lease LeaseOf(const Slot& slot) { return {slot.connection, slot.use}; }

  const SftpPlace place_;
  const SftpOptions options_;
  const Clock& clock_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;  // guarded by mutex_, as all below
  unsigned connecting_ = 0;  // threads that open one
  unsigned slots_max_;
};

}  // namespace cairn::sftp
