// A store that tries again what may work the next time.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "engine/env/random.h"
#include "engine/store/object_store.h"

namespace cairn {

// Told before each pause: what went wrong, and how long it takes until the next try. Any thread.
using RetryNotice = std::function<void(const Error& error, std::chrono::nanoseconds pause)>;

struct RetryOptions {
  unsigned tries_max = 8;
  std::chrono::nanoseconds delay_first = std::chrono::milliseconds(500);  // doubles with each try
  std::chrono::nanoseconds delay_max = std::chrono::seconds(60);
  std::chrono::nanoseconds time_max = std::chrono::minutes(15);  // no try begins later than this after the first
  RetryNotice notice = {};                                       // may be empty
};

// Repeats a call that failed with a transient Error, after a delay of which a random part of up to one half is left
// out, so that many clients of a server that comes back do not ask all at once. Other errors are passed on. When tries
// or time are used up the last error says so; kInterrupted where stop is asked for during a delay.
//
// An answer may be lost though the call had its effect, so a repeated PutIfAbsent that finds the name filled reads it,
// and returns true where it holds these very bytes: objects are sealed with random salts, so no two puts are alike. A
// listing is told only when one try has come to its end; until then it is in memory (some 150 bytes an object).
//
// Safe for concurrent use; borrows the clock and the randomness.
class RetryStore final : public ObjectStore {
 public:
  RetryStore(std::unique_ptr<ObjectStore> base, const Clock& clock, const Random& random, std::stop_token stop,
             const RetryOptions& options = {});

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  Result<void> CleanTemporary() override { return base_->CleanTemporary(); }
  bool is_far() const override { return base_->is_far(); }
  std::string description() const override { return base_->description(); }

 private:
  // Calls `call`, which returns a Result, until it is final.
  template <class Call>
  auto Repeat(const Call& call) -> decltype(call());
  // Nothing where another try may begin now; else the error to return.
  Result<void> WaitForNextTry(const Error& error, unsigned tries, std::chrono::nanoseconds begin) const;
  std::chrono::nanoseconds DelayAfter(unsigned tries) const;

  std::unique_ptr<ObjectStore> base_;
  const Clock& clock_;
  const Random& random_;
  const std::stop_token stop_;
  const RetryOptions options_;
};

}  // namespace cairn
