// A store that fails as it is told to, and lets a test do something between any two calls.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/intercepted_store.h"

namespace cairn {

// Safe for concurrent use. Borrows the base.
//
//   FaultStore store(memory);
//   store.FailCall(3, FaultStore::Broken());               // the third call from now, which then has no effect
//   store.FailCall(3, FaultStore::Broken(), FaultStore::When::kAfter);  // it has its effect, and its answer is lost
//   store.FailWhere([](const StoreCall& call) { return call.name.starts_with("index/"); }, FaultStore::Broken());
//   store.SetHook([&](const StoreCall& call) { if (call.number == 5) OtherClient(); });
class FaultStore final : public InterceptedStore {
 public:
  using Predicate = std::function<bool(const StoreCall&)>;
  using Hook = std::function<void(const StoreCall&)>;
  enum class When { kBefore, kAfter };

  explicit FaultStore(ObjectStore& base) : InterceptedStore(base) {}

  static Error Broken();     // an error that trying again does not help
  static Error Transient();  // one that it may

  // The nth call from now on, from 1. Every rule stands until ClearFaults; the first that fits counts.
  void FailCall(uint64_t n, Error error, When when = When::kBefore);
  void FailWhere(Predicate fits, Error error, When when = When::kBefore, uint64_t times_max = UINT64_MAX);
  void ClearFaults();
  // Called before each call, in its thread and without a lock; not for calls that the hook itself makes.
  void SetHook(Hook hook);

  // As a store at the end of a long wire; near at first.
  void set_far(bool is_far) { is_far_ = is_far; }
  bool is_far() const override { return is_far_; }

  uint64_t calls(StoreOperation operation) const;
  using InterceptedStore::calls;
  uint64_t faults() const;                 // that were given so far
  std::vector<StoreCall> History() const;  // every call, in the order of their numbers but for races

 protected:
  Result<void> Before(const StoreCall& call) override;
  Result<void> After(const StoreCall& call) override;

 private:
  struct Rule {
    Predicate fits;
    Error error;
    When when = When::kBefore;
    uint64_t times_left = 0;  // guarded by mutex_
  };
  Result<void> Judge(const StoreCall& call, When when);

  std::atomic<bool> is_far_ = false;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Rule>> rules_;  // guarded by mutex_, as what follows; shared with calls under way
  Hook hook_;
  std::vector<StoreCall> history_;
  uint64_t faults_ = 0;
};

}  // namespace cairn
