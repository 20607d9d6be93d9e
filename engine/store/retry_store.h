// A store that tries again what may work the next time.
#pragma once

#include <memory>
#include <stop_token>
#include <utility>

#include "engine/store/retry.h"
#include "engine/store/store_decorator.h"

namespace cairn {

// Every call is repeated as Retry has it.
//
// An answer may be lost though the call had its effect, so a repeated PutIfAbsent that finds the name filled reads it,
// and returns true where it holds these very bytes: objects are sealed with random salts, so no two puts are alike. A
// listing is told only when one try has come to its end; until then it is in memory (CompactListing).
//
// Safe for concurrent use; borrows the clock and the randomness.
class RetryStore final : public StoreDecorator {
 public:
  RetryStore(std::unique_ptr<ObjectStore> base, const Clock& clock, const Random& random, std::stop_token stop,
             const RetryOptions& options = {})
      : RetryStore(std::move(base), std::make_shared<Retry>(clock, random, std::move(stop), options)) {}
  RetryStore(std::unique_ptr<ObjectStore> base, std::shared_ptr<Retry> retry)
      : StoreDecorator(std::move(base)), retry_(std::move(retry)) {}

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;

 private:
  const std::shared_ptr<Retry> retry_;
};

}  // namespace cairn
