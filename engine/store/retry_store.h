// A store that tries again what may work the next time.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <utility>

#include "engine/store/object_store.h"
#include "engine/store/retry.h"

namespace cairn {

// Every call is repeated as Retry has it.
//
// An answer may be lost though the call had its effect, so a repeated PutIfAbsent that finds the name filled reads it,
// and returns true where it holds these very bytes: objects are sealed with random salts, so no two puts are alike. A
// listing is told only when one try has come to its end; until then it is in memory (some 150 bytes an object).
//
// Safe for concurrent use; borrows the clock and the randomness.
class RetryStore final : public ObjectStore {
 public:
  RetryStore(std::unique_ptr<ObjectStore> base, const Clock& clock, const Random& random, std::stop_token stop,
             const RetryOptions& options = {})
      : RetryStore(std::move(base), std::make_shared<Retry>(clock, random, std::move(stop), options)) {}
  RetryStore(std::unique_ptr<ObjectStore> base, std::shared_ptr<Retry> retry)
      : base_(std::move(base)), retry_(std::move(retry)) {}

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override;
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override;
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override;
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override;
  Result<void> CleanTemporary() override { return base_->CleanTemporary(); }
  bool is_far() const override { return base_->is_far(); }
  bool takes_one_writer() const override { return base_->takes_one_writer(); }
  std::string description() const override { return base_->description(); }

 private:
  std::unique_ptr<ObjectStore> base_;
  const std::shared_ptr<Retry> retry_;
};

}  // namespace cairn
