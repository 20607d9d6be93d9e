// A store of which each call can be seen, and made to fail, before and after it has its effect.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/store/store_decorator.h"

namespace cairn {

enum class StoreOperation { kPut, kPutIfAbsent, kGet, kGetRange, kList, kRemove, kStat };

std::string_view Name(StoreOperation operation);
// Whether it can change the store.
bool Changes(StoreOperation operation);

struct StoreCall {
  StoreOperation operation = StoreOperation::kGet;
  std::string name;     // of the object; kList: the prefix
  uint64_t number = 0;  // of this call on this store, from 1
};

// What FaultStore and CrashStore have in common. Safe for concurrent use where Before and After are. Borrows the base.
class InterceptedStore : public StoreDecorator {
 public:
  Result<void> Put(const ObjectName& name, ByteSpan bytes) final;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) final;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) final;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) final;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) final;
  Result<void> Remove(const ObjectName& name) final;
  Result<ObjectInfo> Stat(const ObjectName& name) final;

  uint64_t calls() const { return calls_; }  // so far

 protected:
  explicit InterceptedStore(ObjectStore& base) : StoreDecorator(base) {}
  // An Error here is the call's result, and the base never hears of it.
  virtual Result<void> Before(const StoreCall& call) = 0;
  // An Error here is the call's result, though it had its effect: an answer that is lost.
  virtual Result<void> After(const StoreCall& call) = 0;

 private:
  template <class Run>
  auto Intercept(StoreOperation operation, std::string_view name, const Run& run) -> decltype(run());

  std::atomic<uint64_t> calls_ = 0;
};

}  // namespace cairn
