// A store as a process sees it that is killed in the middle.
#pragma once

#include <mutex>

#include "tests/support/intercepted_store.h"

namespace cairn {

// At one call the process dies: this call and all later ones fail, whoever makes them, until Revive, which stands for
// the next process. What the base holds then is what the dead one has left. Safe for concurrent use. Borrows the base.
//
//   for (uint64_t n = 1; ; ++n) {
//     MemoryStore memory;
//     CrashStore store(memory);
//     store.CrashAt(n, CrashStore::When::kAfter);
//     Run(store);                        // fails with IsCrash, or
//     if (!store.crashed()) break;       // made fewer calls than n: the sweep is at its end
//     store.Revive();
//     Check(store);
//   }
class CrashStore final : public InterceptedStore {
 public:
  enum class When { kBefore, kAfter };  // the call has its effect, or has not

  explicit CrashStore(ObjectStore& base) : InterceptedStore(base) {}

  void CrashAt(uint64_t call, When when);  // the call of this number, counted from construction, from 1
  void CrashNow();
  void Revive();
  bool crashed() const;

  // Whether an error is, or is told after, that of a crash.
  static bool IsCrash(const Error& error);

 protected:
  Result<void> Before(const StoreCall& call) override;
  Result<void> After(const StoreCall& call) override;

 private:
  mutable std::mutex mutex_;
  uint64_t crash_at_ = 0;  // guarded by mutex_, as what follows; 0: never
  When when_ = When::kBefore;
  bool crashed_ = false;
};

}  // namespace cairn
