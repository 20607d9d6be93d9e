// rclone at work for this process: it takes requests on a port of this machine.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/env/clock.h"
#include "engine/env/piped_child.h"
#include "engine/env/random.h"
#include "repo-format/base/result.h"

namespace cairn::rclone {

struct Options {
  std::string remote;  // as rclone has it: "remote:path", ":memory:bucket"
  std::string program = "rclone";
  std::vector<std::string> arguments;     // of the user's; before those that cairn needs
  std::chrono::seconds start_max{60};     // until it takes requests
  std::chrono::seconds silence_max{900};  // of a request: what rclone sends on takes as long as its line needs
};

// `rclone rcd`, its remote control. Only who has the password gets an answer; it is random, made for this child, and in
// its environment alone. It ends with this object, and with this process however that ends: a shell that waits beside
// it sees the pipe between them close.
//
// Safe for concurrent use.
class Child {
 public:
  // Returns when requests are taken. kInvalidArgument where there is no such program, or it does not take its
  // arguments; else kIo, in rclone's own words.
  static Result<std::unique_ptr<Child>> Start(const Options& options, const Random& random, const Clock& clock,
                                              std::stop_token stop);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  const std::string& origin() const { return origin_; }  // "http://127.0.0.1:41234"
  const std::string& password() const { return password_; }
  bool has_ended() const;
  // The end of what it has written to its standard error, in one line.
  std::string said() const;

  static constexpr std::string_view kUser = "cairn";

 private:
  Child() = default;
  void Listen(const std::stop_token& stop);
  void Take(std::string_view text);
  Result<void> WaitForOrigin(const Options& options, const Clock& clock, const std::stop_token& stop);

  std::unique_ptr<PipedChild> process_;
  std::string origin_, password_;  // do not change once Start has returned
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::string said_, line_;  // guarded by mutex_; bounded
  std::string told_origin_;  // guarded by mutex_
  bool has_ended_ = false;   // guarded by mutex_
  std::jthread listener_;    // reads what it says, which would block it else
};

// Of a line that rclone writes when it takes requests: "http://127.0.0.1:41234"; "" of every other.
std::string OriginOf(std::string_view line);

}  // namespace cairn::rclone
