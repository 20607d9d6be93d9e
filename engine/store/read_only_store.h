// A store that is only read.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "engine/store/object_store.h"

namespace cairn {

// Answers every Put, PutIfAbsent and Remove with kPermission, and passes the rest on. Safe for concurrent use.
class ReadOnlyStore final : public ObjectStore {
 public:
  explicit ReadOnlyStore(std::unique_ptr<ObjectStore> base) : base_(std::move(base)) {}

  Result<void> Put(const ObjectName& name, ByteSpan bytes) override;
  Result<bool> PutIfAbsent(const ObjectName& name, ByteSpan bytes) override;
  Result<Bytes> Get(const ObjectName& name, uint64_t size_max) override { return base_->Get(name, size_max); }
  Result<Bytes> GetRange(const ObjectName& name, uint64_t offset, uint64_t size) override {
    return base_->GetRange(name, offset, size);
  }
  Result<void> List(std::string_view prefix, const Each& each, const Stranger& stranger = {}) override {
    return base_->List(prefix, each, stranger);
  }
  Result<void> Remove(const ObjectName& name) override;
  Result<ObjectInfo> Stat(const ObjectName& name) override { return base_->Stat(name); }
  bool is_far() const override { return base_->is_far(); }
  bool takes_one_writer() const override { return base_->takes_one_writer(); }
  std::string description() const override { return base_->description(); }

 private:
  Error Refuse(std::string_view verb, const ObjectName& name) const;

  std::unique_ptr<ObjectStore> base_;
};

}  // namespace cairn
