// A store far away, on a bad day: it fails, cuts transfers off, loses answers, and lists what was there at two moments.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <random>
#include <string>

#include "engine/store/store_decorator.h"

namespace cairn {

// How many of a thousand calls.
struct Weather {
  unsigned fail = 50;           // without effect
  unsigned cut = 10;            // in the middle: a transfer has no effect, of a list half is told
  unsigned lose_answers = 10;   // of what changes the store: it is done, and nobody says so
  unsigned slow = 20;           // others do much meanwhile
  unsigned slow_commits = 400;  // of PutIfAbsent
  unsigned tear_lists = 500;    // of lists: the second half is told as it is later
};

// Errors are transient, as RetryStore expects them; but once its user is dead every call fails for good. Borrows the
// base. `others` is called before each call, and within torn lists: the time in which others may work. Safe for
// concurrent use where that is.
class UnreliableStore final : public StoreDecorator {
 public:
  UnreliableStore(ObjectStore& base, uint64_t seed, const Weather& weather, std::function<void()> others);

  // From now on it is a good store, and others do nothing.
  void CalmDown() { calm_ = true; }
  // The process that uses it is killed in the nth call from now on, from 1; that call may still have its effect.
  void DieIn(uint64_t n);
  // The next process.
  void Revive();
  bool dead() const { return dead_; }
  uint64_t faults() const { return faults_; }

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  std::string description() const override { return "an unreliable store"; }

 private:
  template <class Call>
  auto Do(bool changes, std::string_view name, const Call& call) -> decltype(call());
  void LetOthersWork(unsigned slow_of_thousand);
  bool Draw(unsigned of_thousand);
  Error Broken(std::string_view how, std::string_view name);

  const Weather weather_;
  const std::function<void()> others_;
  std::mutex mutex_;
  std::mt19937_64 random_;                                    // guarded by mutex_
  std::atomic<uint64_t> faults_ = 0, calls_until_death_ = 0;  // 0: none
  std::atomic<bool> calm_ = false, dead_ = false;
};

}  // namespace cairn
