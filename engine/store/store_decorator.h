// A store before another.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "engine/store/object_store.h"

namespace cairn {

// Hands every call on; who derives from it overrides what it changes, and no more, so that what a store says of itself
// is never lost on the way. A call that ObjectStore gets is added here at once. Only GetInto and NewDraft
// are not handed on: ObjectStore's go by Get and Put, which those below may have changed.
//
// Safe for concurrent use where the base is.
class StoreDecorator : public ObjectStore {
 public:
  Result<void> Put(const ObjectName& name, ByteSpan bytes) override { return base_.Put(name, bytes); }
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override { return base_.PutIfAbsent(name, bytes); }
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override { return base_.Get(name, size_max); }
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override {
    return base_.GetRange(name, offset, size);
  }
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override {
    return base_.List(prefix, each, stranger);
  }
  Result<void> Remove(const ObjectName& name) override { return base_.Remove(name); }
  Result<ObjectInfo> Stat(const ObjectName& name) override { return base_.Stat(name); }
  Result<void> CleanTemporary() override { return base_.CleanTemporary(); }
  void ListAhead(const ListingWaves& waves) override { base_.ListAhead(waves); }
  bool is_far() const override { return base_.is_far(); }
  bool takes_one_writer() const override { return base_.takes_one_writer(); }
  bool may_have_two_winners() const override { return base_.may_have_two_winners(); }
  uint64_t object_bytes_max() const override { return base_.object_bytes_max(); }
  std::string description() const override { return base_.description(); }

 protected:
  // Borrows it.
  explicit StoreDecorator(ObjectStore& base) : base_(base) {}
  explicit StoreDecorator(std::unique_ptr<ObjectStore> base) : owned_(std::move(base)), base_(*owned_) {}
  ObjectStore& base() { return base_; }

 private:
  const std::unique_ptr<ObjectStore> owned_;  // may be none
  ObjectStore& base_;
};

}  // namespace cairn
