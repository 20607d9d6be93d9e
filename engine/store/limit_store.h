// A store behind a bandwidth limit.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "engine/store/object_store.h"

namespace cairn {

struct BandwidthLimits {
  uint64_t upload = 0, download = 0;  // bytes a second; 0: none
};

// Sleeps before each transfer for as long as what went before it takes at the limit: the mean keeps to it, one object
// goes as fast as it can. A whole Get asks for the size first. Safe for concurrent use; borrows the clock. kInterrupted
// where stop is asked for while it sleeps.
class LimitStore : public ObjectStore {
 public:
  LimitStore(std::unique_ptr<ObjectStore> base, const BandwidthLimits& limits, const Clock& clock, std::stop_token stop)
      : base_(std::move(base)), limits_(limits), clock_(clock), stop_(std::move(stop)) {}

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override {
    return base_->List(prefix, each, stranger);
  }
  Result<void> Remove(const ObjectName& name) override { return base_->Remove(name); }
  Result<ObjectInfo> Stat(const ObjectName& name) override { return base_->Stat(name); }
  Result<void> CleanTemporary() override { return base_->CleanTemporary(); }
  bool is_far() const override { return base_->is_far(); }
  bool takes_one_writer() const override { return base_->takes_one_writer(); }
  std::string description() const override { return base_->description(); }

 private:
  struct Lane {
    std::mutex mutex;
    std::chrono::nanoseconds free_at{0};  // guarded by mutex
  };
  Result<void> Wait(Lane& lane, uint64_t bytes_per_second, uint64_t bytes);

  std::unique_ptr<ObjectStore> base_;
  const BandwidthLimits limits_;
  const Clock& clock_;
  const std::stop_token stop_;
  Lane up_, down_;
};

}  // namespace cairn
