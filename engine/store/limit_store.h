// A store behind a bandwidth limit.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>

#include "engine/store/store_decorator.h"

namespace cairn {

struct BandwidthLimits {
  uint64_t upload = 0, download = 0;  // bytes a second; 0: none
};

// Sleeps before each transfer for as long as what went before it takes at the limit: the mean keeps to it, one object
// goes as fast as it can. A whole Get asks for the size first. Safe for concurrent use; borrows the clock. kInterrupted
// where stop is asked for while it sleeps.
class LimitStore final : public StoreDecorator {
 public:
  LimitStore(std::unique_ptr<ObjectStore> base, const BandwidthLimits& limits, const Clock& clock, std::stop_token stop)
      : StoreDecorator(std::move(base)), limits_(limits), clock_(clock), stop_(std::move(stop)) {}

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;

 private:
  struct Lane {
    std::mutex mutex;
    std::chrono::nanoseconds free_at{0};  // guarded by mutex
  };
  Result<void> Wait(Lane& lane, uint64_t bytes_per_second, uint64_t bytes);

  const BandwidthLimits limits_;
  const Clock& clock_;
  const std::stop_token stop_;
  Lane up_, down_;
};

}  // namespace cairn
