// Waiting for a descriptor, or for the wish to stop.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

#include "repo-format/base/bytes.h"
#include "repo-format/base/result.h"

namespace cairn::stream {

// Owns a descriptor; -1 is none.
class OwnedFd {
 public:
  OwnedFd() = default;
  explicit OwnedFd(int fd) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~OwnedFd();
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Makes a stop token something to poll for. Safe for concurrent use.
class Waiter {
 public:
  explicit Waiter(std::stop_token stop);
  // Until `fd` can be read, or is at its end; true: it can, false: `timeout_ms` have passed (-1: never).
  // kInterrupted where stop is asked for.
  Result<bool> WaitFor(int fd, int timeout_ms = -1) const;
  // The same, until `fd` can be written to, or has something to be read.
  Result<bool> WaitToWrite(int fd, int timeout_ms = -1) const;
  // One read, as soon as there is something; 0: the end.
  Result<size_t> Read(int fd, MutableByteSpan target) const;

 private:
  Result<bool> Wait(int fd, short events, int timeout_ms) const;
  struct Notify {
    int fd;
    void operator()() const;
  };
  const std::stop_token stop_;
  OwnedFd event_;
  std::optional<std::stop_callback<Notify>> callback_;  // goes before event_
};

}  // namespace cairn::stream
