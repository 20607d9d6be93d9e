// How many requests a store was asked, by kind: that is what its owner is billed for.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "engine/store/store_decorator.h"

namespace cairn {

struct RequestCounts {
  uint64_t puts = 0, gets = 0, lists = 0, heads = 0, removes = 0;
  uint64_t bytes_up = 0, bytes_down = 0;
  // Of these, for data packs, whose storage class may be another.
  uint64_t data_puts = 0, data_gets = 0, data_bytes_down = 0;

  uint64_t requests() const { return puts + gets + lists + heads + removes; }
  RequestCounts& operator+=(const RequestCounts& other);
  friend bool operator==(const RequestCounts&, const RequestCounts&) = default;
};

// Counts up. Safe for concurrent use.
class RequestMeter {
 public:
  void Add(const RequestCounts& counts);
  RequestCounts counts() const;

 private:
  std::atomic<uint64_t> puts_{0}, gets_{0}, lists_{0}, heads_{0}, removes_{0}, bytes_up_{0}, bytes_down_{0};
  std::atomic<uint64_t> data_puts_{0}, data_gets_{0}, data_bytes_down_{0};
};

// Stands below what tries again, so that each try counts. A listing counts one request for each 1,000 objects, as S3
// pages them; a name that was filled already, and an object that is not there, one more, by which the server is asked
// what stands there. Bytes are those of objects. Safe for concurrent use; borrows the meter.
class CountingStore final : public StoreDecorator {
 public:
  CountingStore(std::unique_ptr<ObjectStore> base, RequestMeter& meter)
      : StoreDecorator(std::move(base)), meter_(meter) {}

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;

 private:
  void CountPut(const ObjectName& name, uint64_t bytes);
  void CountGet(const ObjectName& name, uint64_t bytes);

  RequestMeter& meter_;
};

}  // namespace cairn
