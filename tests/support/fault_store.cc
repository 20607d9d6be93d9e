#include "tests/support/fault_store.h"

#include <algorithm>
#include <utility>

namespace cairn {
namespace {

thread_local bool in_hook = false;

}  // namespace

Error FaultStore::Broken() { return Error(ErrorCode::kIo, "the store is broken, says the test"); }
Error FaultStore::Transient() { return Error(ErrorCode::kIo, "the store is busy, says the test").Transient(); }

void FaultStore::FailCall(uint64_t n, Error error, When when) {
  const uint64_t number = calls() + n;
  FailWhere([number](const StoreCall& call) { return call.number == number; }, std::move(error), when);
}

void FaultStore::FailWhere(Predicate fits, Error error, When when, uint64_t times_max) {
  const std::lock_guard lock(mutex_);
  rules_.push_back(std::make_shared<Rule>(Rule{std::move(fits), std::move(error), when, times_max}));
}

void FaultStore::ClearFaults() {
  const std::lock_guard lock(mutex_);
  rules_.clear();
}

void FaultStore::SetHook(Hook hook) {
  const std::lock_guard lock(mutex_);
  hook_ = std::move(hook);
}

uint64_t FaultStore::calls(StoreOperation operation) const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint64_t>(std::ranges::count(history_, operation, &StoreCall::operation));
}

uint64_t FaultStore::faults() const {
  const std::lock_guard lock(mutex_);
  return faults_;
}

std::vector<StoreCall> FaultStore::History() const {
  const std::lock_guard lock(mutex_);
  return history_;
}

Result<void> FaultStore::Before(const StoreCall& call) {
  Hook hook;
  {
    const std::lock_guard lock(mutex_);
    history_.push_back(call);
    if (!in_hook) hook = hook_;
  }
  if (hook) {
    in_hook = true;
    hook(call);
    in_hook = false;
  }
  return Judge(call, When::kBefore);
}

Result<void> FaultStore::After(const StoreCall& call) { return Judge(call, When::kAfter); }

Result<void> FaultStore::Judge(const StoreCall& call, When when) {
  std::vector<std::shared_ptr<Rule>> rules;
  {
    const std::lock_guard lock(mutex_);
    rules = rules_;
  }
  for (const auto& rule : rules) {
    if (rule->when != when || !rule->fits(call)) continue;
    const std::lock_guard lock(mutex_);
    if (rule->times_left == 0) continue;
    --rule->times_left;
    ++faults_;
    return Error(rule->error).While(fmt::format("{} {}", Name(call.operation), call.name));
  }
  return {};
}

}  // namespace cairn
